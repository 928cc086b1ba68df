"""The dialog: one argument for each option of the table, as Wireshark's own parser reads it."""

import html
import re

from vpcshark.extcap.protocol.dialog import dialog, reloaded
from vpcshark.options.option import Kind
from vpcshark.options.resolve import chosen
from vpcshark.options.table import OPTIONS


def test_the_dialog_has_one_argument_per_option_and_no_brace_too_many(sentences):
    """Numbers are places in the table; each selector has one default; defaults of text are placeholders."""
    read = sentences(dialog({}))
    arguments = [fields for kind, fields in read if kind == "arg"]
    assert [fields["call"] for fields in arguments] == [f"--{option.name}" for option in OPTIONS]
    assert [int(fields["number"]) for fields in arguments] == list(range(len(OPTIONS)))
    assert {fields["group"] for fields in arguments} == {
        "Capture",
        "Mirror",
        "Capture host",
        "Launch",
        "Connection",
        "AWS",
        "Debug",
    }
    assert all(20 < len(fields["tooltip"]) < 260 for fields in arguments)
    assert [f["call"] for f in arguments if "default" in f] == [
        f"--{option.name}" for option in OPTIONS if option.kind is Kind.BOOLEAN
    ]
    for number, option in enumerate(OPTIONS):
        chosen = [
            f["value"] for kind, f in read if kind == "value" and f["arg"] == str(number) and f["default"] == "true"
        ]
        assert chosen == ([option.default] if option.choices else [])


def test_a_booleans_default_in_the_dialog_is_what_the_environment_says(sentences):
    """Wireshark passes it as if the user had chosen it, so it would silence the environment else."""
    read = sentences(dialog({"VPCSHARK_DNS": "false"}))
    assert next(f for _, f in read if f.get("call") == "--dns")["default"] == "false"


def test_a_reload_gives_the_fixed_values_and_the_offered_ones(sentences):
    """Only for selectors that reload; the display is cleaned."""
    read = sentences(reloaded("host", [("i-0a", "web } 1")]))
    values = [(f["value"], f["default"]) for _, f in read]
    assert values == [("auto", "true"), ("local", "false"), ("launch", "false"), ("i-0a", "false")]
    assert read[-1][1]["display"] == "web ) 1"
    assert reloaded("vni", [("1", "one")]) == reloaded("nonsense", []) == ""


def test_the_dialog_shows_what_the_settings_say(sentences):
    """Booleans and selectors as their default, text as what an empty field means."""
    read = sentences(dialog({}, {"dns": "false", "host": "i-0a", "vni": "77"}))
    by_call = {fields["call"]: fields for kind, fields in read if kind == "arg"}
    assert by_call["--dns"]["default"] == "false"
    assert by_call["--vni"]["placeholder"] == "77"
    [host] = [
        f["value"]
        for k, f in read
        if k == "value" and f["arg"] == by_call["--host"]["number"] and f["default"] == "true"
    ]
    assert host == "i-0a"


def test_the_choosers_dialog_asks_profile_region_vpc_eni_first_and_once(sentences):
    """From wide to narrow; what is not chosen counts as not said."""
    read = sentences(dialog({}, is_chooser=True))
    calls = [fields["call"] for kind, fields in read if kind == "arg"]
    assert calls[:4] == ["--profile", "--region", "--vpc", "--eni"]
    assert len(set(calls)) == len(calls) == len(OPTIONS) + 2
    assert sentences(reloaded("eni", [("eni-0a", "web-1")], is_chooser=True))[-1][1]["arg"] == "3"
    assert chosen({"profile": "auto", "eni": "eni-0a", "host": "auto"}) == {"eni": "eni-0a", "host": "auto"}


def test_a_tooltip_is_rich_text_that_qt_folds_and_whole_sentences_of_the_table(sentences):
    """Plain text would be one line of up to 600 characters."""
    read = [fields for kind, fields in sentences(dialog({})) if kind == "arg"]
    for option, fields in zip(OPTIONS, read, strict=True):
        inside = re.fullmatch(r"<qt>(.+[.])</qt>", fields["tooltip"])
        assert inside, option.name
        assert option.tooltip.startswith(html.unescape(inside[1])), option.name
        assert not re.search(r"<|&(?!amp;|lt;|gt;)", inside[1]), option.name
