"""The lab's DNS, judged by scapy."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR

from vpcshark.lab.vpc import dns

NAMES = {"db-1": ["10.0.0.7", "2600:1f00::7"]}


def test_a_question_is_what_scapy_would_ask() -> None:
    """The same bytes."""
    theirs = DNS(id=7, rd=1, qd=DNSQR(qname="q-7.db-1.vpc.internal", qtype="AAAA"))
    assert dns.question(7, "q-7.db-1.vpc.internal", 28) == bytes(theirs)


@pytest.mark.parametrize(("kind", "address"), [(1, "10.0.0.7"), (28, "2600:1f00::7")])
def test_an_answer_has_the_addresses_of_the_kind(kind: int, address: str) -> None:
    """A for IPv4, AAAA for IPv6, under any name that has the instance's as a label, whatever its case."""
    answer = DNS(dns.answer(dns.question(9, "q-9.DB-1.vpc.internal", kind), NAMES))
    assert (answer.id, answer.qr, answer.rcode, [record.rdata for record in answer.an]) == (9, 1, 0, [address])


def test_an_unknown_name_does_not_exist() -> None:
    """NXDOMAIN, without records."""
    answer = DNS(dns.answer(dns.question(9, "nobody.vpc.internal", 1), NAMES))
    assert (answer.rcode, answer.ancount) == (3, 0)


@given(st.binary(max_size=80))
def test_any_datagram_gets_an_answer_or_is_refused(data: bytes) -> None:
    """Nothing but ValueError comes out for what is no query."""
    with contextlib.suppress(ValueError):
        assert dns.answer(data, NAMES)[:2] == data[:2]
