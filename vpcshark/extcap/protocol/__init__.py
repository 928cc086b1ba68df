"""What Wireshark and an extcap tell each other: arguments, sentences, toolbar messages."""
