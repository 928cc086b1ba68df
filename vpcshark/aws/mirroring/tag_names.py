"""The tags that a capture puts on what it makes: each named once. Must not know what a tag's value says."""

CAPTURE = "vpcshark:capture"
OWNER = "vpcshark:owner"
EXPIRES = "vpcshark:expires"
STARTED = "vpcshark:started"
ALL = (CAPTURE, EXPIRES, OWNER, STARTED)
CAPTURE_HOST = "vpcshark:capture-host"
"""Of an instance that its owner offers to captures."""
