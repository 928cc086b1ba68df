"""Mode tcpdump: capture on the source's own instance. Makes nothing in AWS."""
