"""Wireshark's command lines, read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.extcap.protocol.arguments import Call, Phase, parse


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        (["--extcap-interfaces", "--extcap-version=4.0"], Phase.INTERFACES),
        (["--extcap-interfaces"], Phase.INTERFACES),
        (["--extcap-dlts", "--extcap-interface", "eni-0a"], Phase.DLTS),
        (["--extcap-config", "--extcap-interface", "eni-0a"], Phase.CONFIG),
        (["--extcap-config", "--extcap-interface", "eni-0a", "--extcap-reload-option", "host"], Phase.RELOAD),
        (["--extcap-capture-filter", "tcp", "--extcap-interface", "eni-0a"], Phase.FILTER_CHECK),
        (["--capture", "--extcap-interface", "eni-0a", "--fifo", "f", "--extcap-capture-filter", "x"], Phase.CAPTURE),
        (["--extcap-cleanup-postkill"], Phase.CLEANUP_POSTKILL),
        (["--extcap-version=4.4"], Phase.VERSION),
        ([], Phase.NOTHING),
        (["--help"], Phase.NOTHING),
    ],
)
def test_each_call_of_wireshark_is_one_phase(line, phase):
    """Unknown arguments before, between and after change nothing."""
    assert parse(line).phase is phase
    assert parse(["--new-in-6.0", "stray", *line, "--also-new=1"]).phase is phase


def test_a_capture_carries_everything():
    """The command line as Wireshark 4.0 builds it, with the toolbar's pipes."""
    line = "--capture --extcap-interface eni-0a --extcap-capture-filter X --fifo /tmp/f --extcap-control-in /tmp/i"
    words = [w.replace("X", "tcp port 80") for w in line.split()]
    call = parse([*words, "--extcap-control-out", "/tmp/o", "--vni", "77", "--dns", "false", "--ssh-key", "/a b/k"])
    assert call == Call(
        phase=Phase.CAPTURE,
        interface="eni-0a",
        fifo="/tmp/f",
        control_in="/tmp/i",
        control_out="/tmp/o",
        capture_filter="tcp port 80",
        values={"vni": "77", "dns": "false", "ssh-key": "/a b/k"},
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--dns"], "true"),
        (["--dns", "true"], "true"),
        (["--dns", "false"], "false"),
        (["--dns=false"], "false"),
        (["--no-dns"], "false"),
        (["--dns", "--vni", "1"], "true"),
    ],
)
def test_a_boolean_comes_in_many_forms(words, text):
    """A boolflag of Wireshark, a boolean of Wireshark, and what people type."""
    assert parse(["--capture", *words]).values["dns"] == text


def test_a_filter_that_was_split_into_words_is_joined():
    """Some wrappers lose the quotes."""
    assert parse(["--extcap-capture-filter", "tcp", "port", "80", "--fifo", "f"]).capture_filter == "tcp port 80"


def test_a_value_may_begin_with_dashes_but_not_be_an_argument():
    """A missing value does not eat the argument behind it."""
    assert parse(["--description", "--urgent--", "--vni", "--fifo", "f"]).values == {
        "description": "--urgent--",
        "vni": "",
    }


@given(
    st.lists(
        st.one_of(st.text(max_size=8), st.sampled_from(["--capture", "--vni", "--dns", "--fifo", "--", "-", "--="]))
    )
)
def test_no_command_line_is_an_error(words):
    """Reading never fails, and never invents an option."""
    call = parse(words)
    assert isinstance(call.phase, Phase)
    assert all(f"--{name}" in " ".join(words) or f"--no-{name}" in " ".join(words) for name in call.values)
