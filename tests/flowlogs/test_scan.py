"""Lines of any input become rows, whole, however they come; what is none is counted and told."""

from __future__ import annotations

import tracemalloc

import pytest

from vpcshark.errors import InputError
from vpcshark.flowlogs import logformat, match
from vpcshark.flowlogs.scan import LONGEST_LINE, Scan

RECORD = b"2 123456789010 eni-1 10.0.0.1 10.0.0.2 4000 443 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
OTHER = RECORD.replace(b"443", b"80")


def rows(data: bytes, flow: str = "", size: int = 1 << 20, kind: str = "") -> tuple[list[dict[str, str]], Scan]:
    scan = Scan("it", logformat.parse(kind) if kind else None, match.parse(flow) if flow else None)
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    found = [dict(zip(kind.names, (each.decode() for each in row), strict=True)) for kind, row in scan.rows(blocks)]
    return found, scan


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_lines_are_whole_however_they_come(size: int):
    found, _ = rows(RECORD * 3 + b"\n \r\n" + OTHER.strip(), size=size)
    assert [each["dstport"] for each in found] == ["443", "443", "443", "80"]


def test_files_of_several_formats_one_behind_the_other_keep_their_columns():
    """``cat *.log``: each begins with its header. With a flow too, where lines are not looked at one by one."""
    first = b"version srcaddr dstaddr srcport dstport protocol\n" + b"2 10.0.0.1 10.0.0.2 4000 443 6\n" * 2
    second = b"version dstaddr srcaddr dstport srcport protocol\n" + b"2 10.0.0.1 10.0.0.2 4000 443 6\n" * 3
    found, scan = rows(first * 2 + second, size=200)
    assert [each["srcaddr"] for each in found] == ["10.0.0.1"] * 4 + ["10.0.0.2"] * 3
    assert scan.unreadable == 0
    assert len(rows(first * 2 + second, "10.0.0.1:4000->10.0.0.2:443/tcp", size=60)[0]) == 4
    assert len(rows(first * 2 + second, "10.0.0.2:443->10.0.0.1:4000/tcp", size=60)[0]) == 3


def test_a_header_is_stronger_than_what_the_user_said():
    assert rows(b"dstaddr srcaddr\n10.0.0.1 10.0.0.2\n", kind="srcaddr dstaddr")[0] == [
        {"dstaddr": "10.0.0.1", "srcaddr": "10.0.0.2"}
    ]


def test_lines_that_are_no_records_are_counted_and_the_first_is_told():
    found, scan = rows(RECORD + b"2 cut \x1b[2J\n" + RECORD + b"more\n")
    assert len(found) == 2
    assert (scan.unreadable, scan.first) == (2, "2 cut \N{REPLACEMENT CHARACTER}[2J")


@pytest.mark.parametrize("gap", [b"  ", b"\t"])
def test_values_that_other_blanks_part_are_found_by_a_flow(gap: bytes):
    """AWS's own documentation has a line with two blanks between the ports and what follows."""
    odd = RECORD.replace(b" 443 ", gap + b"443" + gap)
    assert len(rows(OTHER * 9 + odd + OTHER, "10.0.0.1:4000->10.0.0.2:443/tcp", kind="default")[0]) == 1


def test_what_has_no_lines_is_refused_before_it_fills_the_memory():
    with pytest.raises(InputError, match="no flow log: a line has more"):
        rows(RECORD + b"x" * (LONGEST_LINE + 2), size=LONGEST_LINE // 4)


@pytest.mark.parametrize("flow", ["", "10.0.0.1:4000->10.0.0.2:443/tcp"])
def test_memory_does_not_grow_with_the_input(flow: str):
    """The peak of a megabyte more is the same, but for what a machine allocates besides."""

    def peak(blocks: int) -> int:
        scan = Scan("it", None, match.parse(flow) if flow else None)
        tracemalloc.start()
        count = sum(1 for _ in scan.rows(OTHER * 200 + RECORD for _ in range(blocks)))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == blocks * (1 if flow else 201)
        return found

    peak(1)
    # The least of three: another thread's allocations count too.
    assert min(peak(64) for _ in range(3)) < min(peak(2) for _ in range(3)) + 100_000
