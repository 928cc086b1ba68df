"""The options of a capture, for both faces: the table, resolution, command line, defaults.

Must not know Wireshark's sentences, AWS, or how a capture works.
"""
