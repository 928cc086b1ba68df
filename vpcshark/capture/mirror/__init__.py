"""Mode mirror: Traffic Mirroring from the sources to a capture host."""
