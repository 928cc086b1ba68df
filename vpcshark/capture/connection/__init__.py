"""Logging in to one host: the methods, racing them, host keys. Must not know what runs over a connection."""
