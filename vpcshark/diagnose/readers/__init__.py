"""Small readers of what applications say in the clear: DNS, TLS, RTP. Bytes in, facts out; nothing here raises."""
