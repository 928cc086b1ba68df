"""Decides which machines ``host=auto`` may send packets to, and words who receives them. Pure.

The tag ``vpcshark:capture-host`` offers an instance. But whoever may call ec2:CreateTags can set it, so something must
stand behind it that takes other rights: what the user's settings allow ([hosts]), or, where they say nothing, an
instance profile whose name begins with ``vpcshark-`` (to give an instance one takes iam:PassRole), or that the instance
is this very machine. Must not know how hosts are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from vpcshark.aws.compute.capture_hosts import HOST_TAG, CaptureHost
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.errors import InputError
from vpcshark.settings import Hosts

PROFILE = "vpcshark-*"  # of an instance that may receive where [hosts] says nothing
_SHOWN = 3  # hosts of one sentence


def may_receive(allowed: Hosts, instance: str, account: str, profile: str) -> bool:
    """May a tagged instance receive? ``profile`` is the ARN of its instance profile, "" if it has none. One that
    [hosts] names may; else its account and its profile must be among those that [hosts] says."""
    if not allowed:
        return _is_one_of(profile, (PROFILE,))
    if instance in allowed.ids:
        return True
    said = bool(allowed.accounts or allowed.profiles)
    in_account = not allowed.accounts or account in allowed.accounts
    return said and in_account and (not allowed.profiles or _is_one_of(profile, allowed.profiles))


def _is_one_of(profile: str, patterns: Iterable[str]) -> bool:
    """By name or by ARN. A name has no "/": what stands before it is a path."""
    name = profile.rpartition("/")[2]
    return any(fnmatchcase(profile if one.startswith("arn:") else name, one) for one in patterns)


def sort_out(
    tagged: Iterable[CaptureHost], allowed: Hosts, is_here: IsHere
) -> tuple[list[CaptureHost], list[CaptureHost]]:
    """Those that may receive, and those of which only the tag says so."""
    taken: list[CaptureHost] = []
    others: list[CaptureHost] = []
    for host in tagged:
        may = may_receive(allowed, host.instance, host.account, host.profile) or is_here(host.address, host.mac)
        (taken if may else others).append(host)
    return taken, others


def refusal(others: Sequence[CaptureHost]) -> str:
    """The sentence on those of which only the tag says that they may receive."""
    shown = ", ".join(_called(host) for host in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    verb, own = ("has", "its") if len(others) == 1 else ("have", "their")
    return (
        f"{shown}{more} {verb} the tag {HOST_TAG}, which anybody may set who may tag: without {own} id, account or "
        f"instance profile in [hosts] of the settings (or a profile {PROFILE}), no packets are sent there."
    )


def nobody(others: Sequence[CaptureHost]) -> InputError:
    """Where the tag is all that any host has."""
    first = others[0].instance
    return InputError(
        refusal(others),
        f"If it is yours: vpcshark config set hosts.ids {first}, or --host {first}; --host launch launches one.",
    )


def introduction(hosts: Sequence[CaptureHost], *, is_own: bool) -> str:
    """Who receives the copies, for the user to see before the first one is sent."""
    if is_own and not hosts[0].instance:
        return "The copies go to a capture host that is launched for this capture alone."
    shown = "; ".join(filter(None, (_introduced(host) for host in hosts[:_SHOWN])))
    more = f"; and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else ""
    return f"The copies go to {shown}{more}."


def _introduced(host: CaptureHost) -> str:
    owner = f" of the account {host.account}" if host.account else ""
    name = host.profile.rpartition("/")[2]
    profile = f", instance profile {name}" if name else ""
    return f"{_called(host)}, {host.address}{owner}{profile}"


def _called(host: CaptureHost) -> str:
    instance = host.instance or host.eni
    return f"{host.name} ({instance})" if host.name != instance else instance
