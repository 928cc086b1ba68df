"""The data plane of a topology: every VPC, gateway and instance a network namespace, every rule one of Linux's own."""
