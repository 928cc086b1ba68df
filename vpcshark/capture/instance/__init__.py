"""Capturing on an instance itself: its facts, tcpdump, the key log. Must not know AWS."""
