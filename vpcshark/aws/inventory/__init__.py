"""Network interfaces as a person recognises them, and whose they are."""
