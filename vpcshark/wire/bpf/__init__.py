"""Classic BPF: libpcap's programs, moved behind the outer headers."""
