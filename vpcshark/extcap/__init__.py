"""Wireshark's extcap protocol: sentences, options, control pipes, FIFO. Must not know AWS; imports nothing here."""
