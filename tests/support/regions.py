"""The regions of tests that make an AWS in their own process. moto has one account for a process, and which modules
share a process is chance: in somebody else's region a name or an address may be that of another test's instance."""

from __future__ import annotations

PREFLIGHT = ("ap-northeast-2", "us-east-2", "us-west-2", "eu-west-2", "eu-west-3", "ca-central-1", "us-west-1")
SURVEY = "ap-south-1"
WHY = "ap-northeast-1"
SETUP = "ap-southeast-1"
ACCOUNT = ("eu-west-1", "eu-central-1")
NOTHING = "sa-east-1"
"""Where nobody makes anything."""
PERMISSIONS = "ap-southeast-2"

ALL = (*PREFLIGHT, SURVEY, WHY, SETUP, *ACCOUNT, NOTHING, PERMISSIONS)
assert len({*ALL}) == len(ALL), "a region of two"
