"""The lab: an embedded stand-in for AWS, so that anyone can run all of this without an account.

Only ``cli`` may import it, and it imports no room but ``errors`` and ``clock``: above all not ``wire``, for the
product is not its own judge.
"""
