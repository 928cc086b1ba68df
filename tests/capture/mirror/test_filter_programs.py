"""A capture filter as mirror rules and as programs, or a sentence that says why not."""

from __future__ import annotations

import pytest

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.mirror import filter_programs
from vpcshark.errors import InputError, Mistake
from vpcshark.wire.bpf import kernel_filter

SOURCES = {77: "02:00:00:00:00:01"}


def test_no_filter_mirrors_everything():
    """Two IP versions in two directions."""
    rules = filter_programs.mirror_rules("")
    assert {(rule.direction, rule.source_cidr) for rule in rules} == {
        (direction, block) for direction in ("ingress", "egress") for block in ("0.0.0.0/0", "::/0")
    }


def test_a_direction_mirrors_nothing_of_the_other():
    """The option of the dialog says that it halves what the copies take."""
    rules = filter_programs.mirror_rules(CaptureOptions(direction="in", user_filter="tcp").effective_filter)
    assert {rule.direction for rule in rules} == {"ingress"}


def test_a_named_port_is_looked_up():
    """libpcap reads the services file, and so do the rules."""
    assert any(rule.destination_ports == (443, 443) for rule in filter_programs.mirror_rules("tcp port https"))


def test_a_filter_for_frames_that_aws_never_mirrors_is_refused():
    """An empty capture would tell nobody why."""
    with pytest.raises(InputError, match="never mirrors"):
        filter_programs.mirror_rules("arp")


@pytest.mark.parametrize("text", ["tcp port", "host", "port 70000"])
def test_what_is_no_filter_is_said_in_libpcaps_words(text: str):
    """With the filter, and where its language is described."""
    with pytest.raises(Mistake, match=r"is no capture filter: .*pcap-filter"):
        filter_programs.check(text)


def test_a_direction_is_the_sources_own():
    """outbound compiles only with the source's MAC, which the programs are given."""
    assert filter_programs.programs("outbound", SOURCES).frames


def test_a_long_filter_is_shortened_by_the_optimiser():
    """A hundred hosts do not fit as libpcap makes them; optimised they do."""
    text = " or ".join(f"host 10.0.{number // 250}.{number % 250}" for number in range(150))
    assert len(filter_programs.programs(text, SOURCES).frames) <= kernel_filter.MAX_INSTRUCTIONS


def test_a_filter_too_long_for_the_kernel_is_refused():
    """With the number of instructions that the kernel takes."""
    text = " or ".join(f"tcp[{number}] = {number % 250}" for number in range(900))
    with pytest.raises(InputError, match="is no capture filter"):
        filter_programs.programs(text, SOURCES)
