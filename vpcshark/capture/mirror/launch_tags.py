"""The tags of a launched capture host, by which a later capture finds one that it can use again. Pure."""

from __future__ import annotations

from vpcshark.aws.compute.capture_hosts import DEFAULT_USER, USER_TAG
from vpcshark.capture.contract.options import LaunchOptions

NAME = "vpcshark capture host"
FROM_TAG = "vpcshark:launched-from"  # a kept host is used again only where the same would be launched
MOST_VALUE = 256  # characters of a tag's value (EC2 user guide, "Tag restrictions")


def further_tags(options: LaunchOptions) -> dict[str, str]:
    """The tags of a launched host besides its lease's; whom to log in as, a template's image decides."""
    user = {} if options.host_template else {USER_TAG: DEFAULT_USER}
    return {"Name": NAME, FROM_TAG: launched_from(options), **user}


def launched_from(options: LaunchOptions) -> str:
    """What a host would be launched from with these options, as a tag's value: the template, else the type; and what
    can't be changed later on: its role, without which no Session Manager finds it, and its public address."""
    words = [options.host_template or options.host_type]
    if options.host_role:
        words.append(f"role {options.host_role.rpartition('/')[2]}")  # as well by its ARN as by its name
    if options.host_public_ip:
        words.append("public")
    return " ".join(words)[:MOST_VALUE]
