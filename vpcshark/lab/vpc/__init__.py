"""The lab's data plane as root: every instance a network namespace, real packets, a real mirror.

Must not know moto, Wireshark or ``vpcshark.wire``: the product is not its own judge.
"""
