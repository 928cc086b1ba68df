"""What a capture filter becomes on AWS's side: mirror rules, wider than the filter where rules cannot say it.

The receiver applies the filter itself as well. Must not know how rules are created.
"""

from __future__ import annotations

import dataclasses
import logging
import socket

from vpcshark.aws.rules import Rule
from vpcshark.errors import InputError
from vpcshark.wire.rules import translate

log = logging.getLogger(__name__)


def mirror_rules(capture_filter: str) -> tuple[Rule, ...]:
    """The rules for ``capture_filter``, at most ten. InputError for a filter that asks for nothing that AWS mirrors."""
    translation = translate(capture_filter, service_port)
    if not translation.rules:
        raise InputError(
            f'The capture filter "{capture_filter}" asks only for frames that Traffic Mirroring never sends, such as ARP.',
            "Take another filter; vpcshark explain shows what AWS sends for it.",
        )
    for sentence in translation.left_to_receiver:
        log.info("%s", sentence)
    return tuple(Rule(**dataclasses.asdict(rule)) for rule in translation.rules)


def service_port(name: str, protocol: str) -> int | None:
    """The port of a named service ("ssh", "tcp") by this machine's services file, which libpcap reads too."""
    try:
        return socket.getservbyname(name, protocol)
    except (OSError, ValueError):
        return None
