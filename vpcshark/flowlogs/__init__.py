"""Flow log records: their formats, which of them a packet would have left, and frames made of them. Pure.

flowlogs-reader (PyPI) knows the fields of versions 2 to 6 alone, drops the lines that it can't read unsaid, and does
not look at ``pkt-srcaddr`` and ``pkt-dstaddr``, without which nothing is found behind a gateway: hence this room.
"""
