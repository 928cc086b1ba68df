"""What Traffic Mirroring says of itself in numbers, each once. Part of the receiver too: Python 3.6, nothing imported.

https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-limits.html, RFC 7348 (section 8). Must not know who
asks. The lab has numbers of its own, lest the product be its own judge.
"""

VXLAN_PORT = 4789  # UDP; AWS sends to no other
MAX_RULES = 10  # of a mirror filter, both directions and both IP versions together; not adjustable
SESSIONS_PER_SOURCE = 3  # not adjustable
