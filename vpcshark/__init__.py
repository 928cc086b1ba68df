"""vpcshark: see the packets of an AWS network interface in Wireshark, and leave nothing behind.

The rooms and their order are in docs/ARCHITECTURE.md. This module must import nothing: the hot path loads it.
"""

__version__ = "0.2.0"
