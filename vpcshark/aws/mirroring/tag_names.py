"""The tags that a capture puts on what it makes, and the port that its copies come to: each named once. Must not know
what a tag's value says."""

CAPTURE = "vpcshark:capture"
OWNER = "vpcshark:owner"
EXPIRES = "vpcshark:expires"
STARTED = "vpcshark:started"
ALL = (CAPTURE, EXPIRES, OWNER, STARTED)
CAPTURE_HOST = "vpcshark:capture-host"
"""Of an instance that its owner offers to captures."""
VXLAN_PORT = 4789
"""RFC 7348, section 8; Traffic Mirroring sends to no other."""
