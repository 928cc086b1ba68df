"""Receivers as seen from here: client, reconnecting, several merged into one. Must not know AWS."""
