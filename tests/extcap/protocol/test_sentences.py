"""The sentences, judged by Wireshark's own regular expressions and by a real tshark."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from vpcshark.extcap.protocol.sentences import clean, sentence

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="{}=\n\r\t \\ae\x00\u2028\ud800", max_size=60),
    st.sampled_from(["}{value=eni-0evil", "x}\ninterface {value=evil}{display=y", "a} b", "{", "}", "", "\x1b[31m"]),
)


@given(HOSTILE, HOSTILE)
def test_no_text_can_break_a_sentence(sentences, one, two):
    """Whatever the texts are, Wireshark reads one sentence with exactly those fields."""
    text = sentence("interface", value=one, display=two)
    assert sentences(text) == [("interface", {"value": clean(one), "display": clean(two)})]
    assert text.encode().decode().count("\n") == 1


@given(
    st.text(alphabet=st.characters(categories=["L", "N", "P"], exclude_characters="{}\u115f\u1160\u2800\u3164\uffa0"))
)
def test_plain_text_is_left_as_it_is(text):
    """Letters, digits and punctuation of any script that can be seen reach the user unchanged."""
    assert clean(text) == text


def test_fields_keep_their_order_and_none_is_left_out():
    """Booleans are said as Wireshark reads them."""
    assert sentence("arg", number=0, call="--x", required=False, default=None, reload=True) == (
        "arg {number=0}{call=--x}{required=false}{reload=true}\n"
    )


def test_tshark_lists_hostile_names_as_one_interface_each(wireshark):
    """Real tshark shows each interface once, by its cleaned name, and nothing invented."""
    wireshark.install()
    names = [
        "}{value=eni-0evil",
        "x}\ninterface {value=evil}{display=y",
        "web } {1}\r",
        "Zürich · 東京 · 🦈",
        "tab\there",
    ]
    pairs = [[f"eni-0{index}", name] for index, name in enumerate(names)]
    invented = {"FAKE_INTERFACES": json.dumps(pairs)}
    wireshark.extcap("--vpcshark-refresh=wait", **invented)  # for however busy the machine is
    listed = wireshark.tshark("-D", **invented).stdout
    shown = re.findall(r"^\d+\. (eni-\S+) \((.*)\)$", listed, re.MULTILINE)
    assert shown == [(value, clean(name)) for value, name in pairs]
    assert "evil}" not in listed
