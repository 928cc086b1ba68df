"""A running mirror session gets another filter: a new one beside the old, then the session is moved, then the old goes.

Rules are never changed in place: between two changes frames would be lost that both filters want. Must not know who
asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vpcshark.aws import mirror
from vpcshark.aws.client import Ec2
from vpcshark.aws.rules import Rule
from vpcshark.capture.making import Maker


def swap_filter(ec2: Ec2, maker: Maker, rules: Sequence[Rule], *, dns: bool, describe: Callable[[], str]) -> None:
    """Move the session of this capture to a new filter with ``rules``. AwsError, with the session as it was."""
    old = [resource for resource, kind in maker.made.items() if kind == "filter"]
    sessions = [resource for resource, kind in maker.made.items() if kind == "session"]
    new = maker.make("filter", lambda labels, token: mirror.create_filter(ec2, labels, token, description=describe()))
    try:
        mirror.create_rules(ec2, new, rules)
        if dns:
            mirror.allow_dns(ec2, new)
        for session in sessions:
            mirror.use_filter(ec2, session, new)
    except BaseException:
        old = [new]
        raise
    finally:
        for resource in old:
            mirror.delete_filter(ec2, resource)
            maker.forget(resource)
