"""Capture files and streams of blocks: pcapng written, pcap and pcapng read, several merged."""
