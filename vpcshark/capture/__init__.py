"""The life of one capture: plan -> up -> stream -> down.

Knows AWS, transports and the receiver through their rooms; must not know Wireshark's protocol or terminals.
"""
