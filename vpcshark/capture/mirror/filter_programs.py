"""What a capture filter becomes: mirror rules on AWS's side, wider than the filter where rules cannot say it, and
programs for the receiver's kernel, which are the filter. Must not know how rules are created, or programs attached.
"""

from __future__ import annotations

import dataclasses
import logging
import socket
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vpcshark.aws.mirroring.rules import Rule
from vpcshark.errors import InputError, Mistake
from vpcshark.wire.bpf import kernel_filter, libpcap
from vpcshark.wire.mirror_rules.translation import translate

log = logging.getLogger(__name__)


Rules = Sequence[Rule]


def checked_rules(capture_filter: str) -> Rules:
    """AWS's for a filter that the user gave. Mistake, InputError for one that is none or asks for nothing that AWS
    mirrors."""
    check(capture_filter)
    return mirror_rules(capture_filter)


def mirror_rules(capture_filter: str) -> tuple[Rule, ...]:
    """The rules for ``capture_filter``, at most ten. InputError for a filter that asks for nothing that AWS mirrors."""
    translation = translate(capture_filter, service_port)
    if not translation.rules:
        raise InputError(
            f'The capture filter "{capture_filter}" asks only for frames that AWS never mirrors, such as ARP.',
            "Take another filter; vpcshark explain shows what AWS sends for it.",
        )
    for sentence in translation.left_to_receiver:
        log.info("%s", sentence)
    return tuple(Rule(**dataclasses.asdict(rule)) for rule in translation.rules)


class Programs(NamedTuple):
    """One filter for the receiver's two ways of taking frames: a ring of outer frames, a UDP socket's datagrams."""

    frames: list[libpcap.Instruction]
    datagrams: list[libpcap.Instruction]


def check(capture_filter: str) -> None:
    """Mistake with libpcap's own words if ``capture_filter`` is none."""
    try:
        libpcap.compile_filter(capture_filter)
    except libpcap.FilterError as error:
        raise _refusal(capture_filter, error) from error


def programs(capture_filter: str, sources: Mapping[int, str]) -> Programs:
    """The filter behind the guard for ``sources`` (VNI -> the source's MAC). Mistake if the kernel can't take it.

    Optimised by libpcap only where it is too long otherwise.
    """
    macs = {vni: bytes.fromhex(mac.replace(":", "")) for vni, mac in sources.items()}
    try:
        return _relocated(libpcap.compile_filter(capture_filter), macs)
    except libpcap.FilterError as error:
        log.info("%s Trying with libpcap's optimiser.", error)
    try:
        return _relocated(libpcap.compile_filter(capture_filter, optimise=True), macs)
    except libpcap.FilterError as error:
        raise _refusal(capture_filter, error) from error


def _relocated(program: list[libpcap.Instruction], macs: Mapping[int, bytes]) -> Programs:
    return Programs(kernel_filter.relocate_frames(program, macs), kernel_filter.relocate_datagrams(program, macs))


def _refusal(capture_filter: str, error: libpcap.FilterError) -> Mistake:
    shown = capture_filter if len(capture_filter) <= 200 else f"{capture_filter[:200]}…"
    words = str(error).rstrip(".")
    return Mistake(f'"{shown}" is no capture filter: {words}.', "The manual page pcap-filter(7) has the language.")


def service_port(name: str, protocol: str) -> int | None:
    """The port of a named service ("ssh", "tcp") by this machine's services file, which libpcap reads too."""
    try:
        return socket.getservbyname(name, protocol)
    except (OSError, ValueError):
        return None
