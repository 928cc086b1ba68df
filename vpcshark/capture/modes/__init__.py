"""Which mode a capture has, and mode auto."""
