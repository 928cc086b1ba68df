"""AWS as a few functions over a boto3 client: inventory, mirror resources, capture hosts.

Must not know captures, Wireshark or how frames travel. Only ``client`` imports boto3, and only when asked to connect.
"""
