"""Wireshark's command line as one typed value. Unknown arguments are ignored in all phases: Wireshark adds new ones.

Must not know what the phases do, nor judge the values of options (vpcshark/options/option.py does). Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vpcshark.options.option import Kind
from vpcshark.options.table import BY_NAME, KNOWN


class Phase(enum.Enum):
    """What Wireshark wants of this run."""

    INTERFACES = "--extcap-interfaces"
    DLTS = "--extcap-dlts"
    CONFIG = "--extcap-config"
    RELOAD = "--extcap-reload-option"
    FILTER_CHECK = "--extcap-capture-filter"
    CAPTURE = "--capture"
    CLEANUP_POSTKILL = "--extcap-cleanup-postkill"
    VERSION = "--extcap-version"
    REFRESH = "--vpcshark-refresh"
    NOTHING = ""


@dataclass(frozen=True)
class Call:
    """One run of the extcap. Texts are "" where not given; ``values`` maps option names to text as it was given."""

    phase: Phase
    interface: str = ""
    fifo: str = ""
    control_in: str = ""
    control_out: str = ""
    capture_filter: str = ""
    wireshark_version: str = ""
    reload_option: str = ""
    refresh: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


_FLAGS = ("extcap-interfaces", "extcap-dlts", "extcap-config", "capture", "extcap-cleanup-postkill")
_VALUED = {
    "extcap-interface": "interface",
    "fifo": "fifo",
    "extcap-control-in": "control_in",
    "extcap-control-out": "control_out",
    "extcap-capture-filter": "capture_filter",
    "extcap-version": "wireshark_version",
    "extcap-reload-option": "reload_option",
    "vpcshark-refresh": "refresh",
}
# In this order: a capture carries the filter too, and a reload is a config call with one argument more.
_ORDER = (
    ("capture", Phase.CAPTURE),
    ("extcap-cleanup-postkill", Phase.CLEANUP_POSTKILL),
    ("extcap-interfaces", Phase.INTERFACES),
    ("extcap-dlts", Phase.DLTS),
    ("extcap-reload-option", Phase.RELOAD),
    ("extcap-config", Phase.CONFIG),
    ("extcap-capture-filter", Phase.FILTER_CHECK),
    ("extcap-version", Phase.VERSION),
    ("vpcshark-refresh", Phase.REFRESH),  # ours: the launcher asks for it in the background
)


def parse(argv: Sequence[str]) -> Call:
    """Read ``argv`` (without the program). Never fails: what makes no sense is left out, the last of two wins."""
    found = dict(_pairs(list(argv)))
    phase = next((phase for name, phase in _ORDER if name in found), Phase.NOTHING)
    known = {attribute: found[name] for name, attribute in _VALUED.items() if name in found}
    values = {name: text for name, text in found.items() if name in KNOWN}
    return Call(phase=phase, values=values, **known)


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    pairs = []
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            continue
        name, equals, text = word[2:].partition("=")
        if not equals:
            text = _value(name, words)
        if name.startswith("no-") and name[3:] in BY_NAME:
            name, text = name[3:], "false"
        pairs.append((name, text))
    return pairs


def _value(name: str, words: list[str]) -> str:
    """Take the value of ``--name`` from the front of ``words``, as far as ``name`` has one."""
    if name in _FLAGS:
        return ""
    option = KNOWN.get(name)
    if option is not None and option.kind is Kind.BOOLEAN:
        return words.pop(0) if words and not words[0].startswith("--") else "true"
    if option is None and name not in _VALUED:
        return ""
    if not words or _is_ours(words[0]):
        return ""
    text = words.pop(0)
    while name == "extcap-capture-filter" and words and not words[0].startswith("--"):
        text += " " + words.pop(0)  # shells and wrappers have been seen to split a filter into words
    return text


def _is_ours(word: str) -> bool:
    """A value may begin with dashes, but an argument that we know is none."""
    name = word[2:].partition("=")[0]
    return word.startswith("--") and (name in _FLAGS or name in _VALUED or name in KNOWN)
