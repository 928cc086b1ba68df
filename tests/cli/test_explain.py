"""``vpcshark explain``: a filter's mirror rules for a person to read."""

from __future__ import annotations

import argparse
import io

import pytest
from rich.console import Console

from vpcshark.cli import explain, parsing
from vpcshark.errors import InputError


def printed(text: str) -> list[str]:
    """The lines that explain prints for a filter."""
    written = io.StringIO()
    explain.explain(text, Console(file=written, width=200))
    return [" ".join(line.split()) for line in written.getvalue().splitlines()]


def test_rules_are_listed_in_the_order_in_which_they_are_tried():
    """A table with a line per rule, and the verdict below."""
    assert printed("ip and not tcp dst port 22") == [
        "DIRECTION RULE ACTION PROTOCOL SOURCE PORTS DESTINATION PORTS",
        "ingress 100 reject TCP 0.0.0.0/0 any 0.0.0.0/0 22",
        "ingress 200 accept any 0.0.0.0/0 any 0.0.0.0/0 any",
        "egress 100 reject TCP 0.0.0.0/0 any 0.0.0.0/0 22",
        "egress 200 accept any 0.0.0.0/0 any 0.0.0.0/0 any",
        "",
        "4 of 10 rules. The rules say all that the filter says; the receiver applies the filter as well.",
    ]


def test_what_rules_cannot_say_is_listed():
    """Brackets in a filter are not taken for markup."""
    lines = printed("ip and udp dst portrange 1-9 and udp[4:2] > 50")
    assert "ingress 100 accept UDP 0.0.0.0/0 any 0.0.0.0/0 1-9" in lines
    assert lines[-2:] == [
        "2 of 10 rules. Left to the receiver:",
        "- Rules cannot say “udp[4:2] > 50”: the receiver decides.",
    ]


def test_a_filter_for_what_is_never_mirrored_is_answered_plainly():
    """No table without rules."""
    assert printed("arp") == [
        "AWS mirrors nothing for this filter: Traffic Mirroring sends IP packets only, and no ARP."
    ]


def test_a_direction_without_rules_is_said():
    """A table that has one direction only could be taken for an abridged one."""
    assert printed("inbound and ip")[1:] == [
        "ingress 100 accept any 0.0.0.0/0 any 0.0.0.0/0 any",
        "",
        "Without egress rules AWS mirrors nothing that the source sends.",
        "1 of 10 rules. The rules say all that the filter says; the receiver applies the filter as well.",
    ]


def test_ports_may_be_named():
    """By the services file of this machine, as libpcap does it."""
    assert printed("tcp dst port domain") == printed("tcp dst port 53")


def test_the_command_takes_the_filter_as_words(capsys: pytest.CaptureFixture[str]):
    """Quoted or not."""
    options = parsing.parser("explain").parse_args(["explain", "icmp", "or", "arp"])
    assert explain.run(options) == 0
    assert "2 of 10 rules." in capsys.readouterr().out


def test_a_filter_that_libpcap_refuses_is_refused_in_its_words():
    """The same message as a capture gives."""
    with pytest.raises(InputError, match="illegal port number 70000"):
        explain.run(argparse.Namespace(filter=["port 70000"]))
