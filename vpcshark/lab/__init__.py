"""The lab: an embedded stand-in for AWS, so that anyone can run all of this without an account. Only ``cli`` imports it."""
