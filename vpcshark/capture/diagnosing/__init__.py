"""A running capture is diagnosed beside it, by a process of its own that never holds it up."""
