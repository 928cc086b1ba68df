"""The records of flow logs as a capture of its own mode. Must not know how records are read, nor Wireshark."""
