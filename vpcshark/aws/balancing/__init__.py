"""Load balancers, and targets that lead to several hosts."""
