"""Capture filters as the user writes them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vpcshark.wire.bpf.libpcap import FilterError, Matcher, compile_direction, compile_filter


@pytest.mark.parametrize("text", ["", "  ", "tcp port 443", "host 10.0.0.1 and not vlan", "ip6 and udp", "greater 100"])
@pytest.mark.parametrize("optimise", [False, True])
def test_the_program_is_the_one_that_tcpdump_has(text, optimise):
    """tcpdump -ddd prints libpcap's program in numbers; -O leaves its optimiser out."""
    command = [
        "tcpdump",
        "-y",
        "EN10MB",
        "-s",
        "262144",
        "-ddd",
        *([] if optimise or not text.strip() else ["-O"]),
        text,
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert compile_filter(text, optimise=optimise) == [tuple(int(part) for part in line.split()) for line in lines[1:]]


DIRECTIONS = """inbound; outbound; not inbound; inbound and tcp port 80; tcp port 80 or inbound or udp;
!(vlan||inbound); inbound and not (outbound or host 1.2.3.4); vlan 3 and outbound and ip; greater 1001 and inbound;
less 1002 or outbound; tcp port 80 or 443 and inbound; mpls && outbound && !inbound; ! outbound && len > 30;
inbound and outbound"""


@pytest.mark.parametrize("text", [text.strip() for text in DIRECTIONS.split(";")])
def test_a_direction_needs_no_leave_of_libpcap(text):
    """From 1.11 on it refuses ``inbound`` where no interface is open. The program is the one that older ones make."""
    assert compile_direction(text) == compile_filter(text)
    assert [code for code, _, _, k in compile_direction(text) if k == 0xFFFFF004] == [0x28] * text.count("bound")


@pytest.mark.parametrize("text", ["host outbound", "inbound 80", "tcp[outbound]", "tcp dst port 80 and inbound or 90"])
def test_a_direction_in_the_wrong_place_is_refused(text):
    """Whichever way it is compiled."""
    for compile_ in (compile_filter, compile_direction):
        with pytest.raises(FilterError, match="syntax error"):
            compile_(text)


@pytest.mark.parametrize("text", ["bogus filter", "tcp port 99999999", "host", "ether[0:3] = 1", "tcp\0udp"])
def test_a_filter_that_libpcap_refuses_says_why(text):
    """In libpcap's own words, for Wireshark to show."""
    with pytest.raises(FilterError, match=r"\w+ .*\w+"):
        compile_filter(text)


def test_the_import_stays_light():
    """Wireshark validates at every keystroke: neither scapy.all nor boto3 may come with it."""
    code = (
        "import sys, vpcshark.wire.bpf.libpcap as l; l.compile_filter('tcp');print(*map(sys.modules.get, sys.argv[1:]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, "scapy.all", "boto3"], capture_output=True, text=True, check=True
    ).stdout
    assert answer.split() == ["None", "None"]


def test_a_filter_that_the_optimiser_spoils_keeps_its_frames():
    """libpcap 1.10.3 drops the test for 10.0.0.1 as source when it optimises this: the frame is wanted all the same."""
    text = "not (host 10.0.1.7) and (ip host 10.0.1.7 or 10.0.0.1)"
    frame = bytes.fromhex("02000000000102000000000208004500001400000000400600000a0000010a000009")
    assert Matcher(compile_filter(text))(frame, len(frame))
