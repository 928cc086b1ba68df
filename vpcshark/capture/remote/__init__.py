"""Running commands on another machine: quoting for its shell, bounded reading of what it prints."""
