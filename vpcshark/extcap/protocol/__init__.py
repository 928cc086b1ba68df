"""What is said between Wireshark and an extcap: arguments, sentences, toolbar messages."""
