"""One capture in any mode: up, hold, down; its resources, lease, controls, costs and silence."""
