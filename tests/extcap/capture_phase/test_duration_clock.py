"""Which readers have their section header only when frames can come."""

from __future__ import annotations

import pytest

from vpcshark.extcap.capture_phase.duration_clock import counts_for_us


@pytest.mark.parametrize(
    "line",
    [
        "tshark -i eni-0a -a duration:30",
        "/usr/bin/tshark -q -a duration:30 -i eni-0a -w out.pcapng",
        "tshark -ieni-0a -aduration:2.5",
        "tshark -qni eni-0a -a packets:9 -a duration:2 -f tcp",
        "tshark --interface=eni-0a --autostop duration:2 --color",
        "tshark -i eni-0a -a duration:30 -o extcap.eni_0a.host:auto -T fields -e frame.number -Y ip",
        r"C:\\Wireshark\\tshark.exe -i eni-0a -a duration:30",
        "tshark -i eni-0a -a duration:30 port 80",
    ],
)
def test_a_tshark_that_counts_for_one_interface(line: str) -> None:
    """However it is written."""
    assert counts_for_us(line.split(" "))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "tshark -i eni-0a",
        "tshark -i eni-0a -a packets:30",
        "tshark -i eni-0a -i eni-0b -a duration:30",
        "tshark -i eni-0a --interface eni-0b -a duration:30",
        "tshark -i eni-0a -b duration:30 -w ring",
        "tshark -i eni-0a -w -a -f duration:30",
        "tshark -i eni-0a -f -a:duration:30",
        "tshark -i eni-0a -a duration:30 --an-option-of-tomorrow",
        "tshark -a duration:30",
        "wireshark -k -i eni-0a -a duration:30",
        "/usr/bin/Wireshark -k -i eni-0a -a duration:30",
        "dumpcap -i eni-0a -a duration:30",
        "sh -c tshark -i eni-0a -a duration:30",
        "python3 script.py -i eni-0a -a duration:30",
    ],
)
def test_any_other_reader_has_it_at_once(line: str) -> None:
    """Wireshark's window above all, and what is not sure."""
    assert not counts_for_us(line.split(" ") if line else [])
