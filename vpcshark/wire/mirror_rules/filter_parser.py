"""The capture filter's text -> what it says about IP headers (a ``Node`` of ``primitives``). Pure.

The grammar is pcap-filter(7) as libpcap's ``grammar.y`` reads it: ``and`` and ``or`` bind equally and to the left,
``not`` binds closest, a value without a keyword takes over the qualifiers before it (``port 80 or 443``). Text that
libpcap refuses may be read here; text that it accepts is either read the same way, or refused with ``Unreadable``.
Must not know mirror rules, nor ask anything outside (no name look-up: the one that there is comes in as an argument).
"""

from __future__ import annotations

import re

from vpcshark.wire.mirror_rules import packet_sets, primitives
from vpcshark.wire.mirror_rules.packet_sets import Node
from vpcshark.wire.mirror_rules.primitives import EVERYTHING, NOTHING, Lookup

_Qualifiers = tuple[str, str, str]  # protocol, direction, kind; "" where one is missing
_NONE = ("", "", "")

_END = r"(?![-\w.:])"
_NOT = rf"(?:(?:not{_END}|!)\s*)+"
_AND, _OR = rf"(?:and{_END}|&&)", rf"(?:or{_END}|\|\|)"
_PROTOCOL = "|".join([*primitives.ABBREVIATIONS, "ether", "fddi", "tr", "wlan", "link"])
_DIRECTION = rf"src{_END}\s*(?:{_AND}|{_OR})\s*dst|dst{_END}\s*(?:{_AND}|{_OR})\s*src|src|dst"
_KIND = "host|net|portrange|port|protochain|proto|gateway"
_QUALIFIERS = "".join(rf"(?:({part}){_END}\s*)?" for part in (_PROTOCOL, _DIRECTION, _KIND))
_SHIFTING = "vlan|mpls|pppoes|geneve"  # after these, libpcap looks for IP further back in the frame
_NUMBERED = rf"({_SHIFTING}|less|greater|ifindex){_END}(?:\s*[0-9]\w*{_END})?"
_CAST = rf"(?:({_PROTOCOL}){_END}\s*)?(?:broad|(multi))cast{_END}"
_CASTS = "inbound|outbound|broadcast|multicast"
_RESERVED = f"{_PROTOCOL}|{_KIND}|{_SHIFTING}|less|greater|ifindex|src|dst|and|or|not|mask|len|{_CASTS}"
_WORD = r"(?:::)?[0-9A-Za-z](?:[-_.:A-Za-z0-9]*[.:A-Za-z0-9])?"
_VALUE = rf"(?!(?:{_RESERVED}){_END})(\\[^\s!()]+|::(?![0-9A-Za-z:])|{_WORD})(?:\s*(/|mask{_END})\s*({_WORD}))?"
_MOST_STEPS, _MOST_NESTING, _MOST_CHANGES = 4000, 30, 120  # the last two bound the recursion, here and in a node

# Comparisons are taken out of the text first: "@1@" stands for a sum then, "@2#" for a comparison.
_NAME = "len|tcpflags|icmp6?(?:type|code)|icmp6?-[a-z0-9]+|tcp-(?:fin|syn|rst|push|ack|urg|ece|cwr)"
_OPERAND = rf"(?:-\s*){{0,9}}(?:@\d+@|(?<![\w.:\\@])(?<![\w.]-)(?:0[xX][0-9A-Fa-f]+|[0-9]+|{_NAME})(?![\w.:@#-]))"
_SUMS = (
    re.compile(r"(?P<first>\w+)\s*\[[^][]*\]"),
    re.compile(rf"\(\s*(?P<first>@\d+@|{_NAME})\s*\)"),
    re.compile(rf"(?P<first>{_OPERAND})\s*(?:<<|>>|[-+*/%^]|&(?!&)|\|(?!\|))\s*{_OPERAND}"),
)
_COMPARISON = re.compile(rf"(?P<first>{_OPERAND})\s*(?:[<>!=]=|[<>=])\s*{_OPERAND}")


class Unreadable(ValueError):
    """This text, or this much of it, is not read here; libpcap may well accept it."""


def parse(text: str, lookup: Lookup, *, is_inbound: bool) -> tuple[Node, list[str]]:
    """Read a whole capture filter; an empty one means every frame. Raises ``Unreadable``.

    Returns the node, and in the filter's own words what is vague in it. ``lookup(name, protocol)`` gives the port of a
    named service ("ssh", "tcp"), or None. ``is_inbound``: what the filter says about frames that come to the source,
    else about those that it sends.
    """
    parser = _Parser(text.strip(), lookup, is_inbound)
    node = parser.expression(_NONE)[0] if text.strip() else EVERYTHING
    parser.expect("$", "an end")
    return node, parser.unsaid


class _Parser:
    """Recursive descent; each rule returns the node and the qualifiers that a bare value after it takes over."""

    def __init__(self, text: str, lookup: Lookup, is_inbound: bool) -> None:
        self.unsaid: list[str] = []
        self._taken: list[tuple[str, str]] = []  # what "@0@" stands for: the operand that it begins with, its words
        self._text = self._without_comparisons(text.replace("@", "#"))
        self._position = self._steps = self._nesting = self._changes = 0
        self._lookup, self._is_inbound, self._is_shifted = lookup, is_inbound, False

    def _without_comparisons(self, text: str) -> str:
        changed = 1
        while changed:
            if "#" in text or len(self._taken) + text.count("[") > _MOST_STEPS:
                raise Unreadable("The filter compares too much to be read, or has a “#” in it.")
            changed = 0
            for pattern in _SUMS:
                text, count = pattern.subn(lambda found: self._stand_in(found, "@"), text)
                changed += count
        return _COMPARISON.sub(lambda found: self._stand_in(found, "#"), text)

    def _stand_in(self, found: re.Match[str], end: str) -> str:
        first = found["first"]
        self._taken.append((self._taken[int(first[1:-1])][0] if first[0] == "@" else first, self._words(found[0])))
        return f"@{len(self._taken) - 1}{end}"

    def _words(self, text: str) -> str:
        return re.sub(r"@(\d+)[@#]", lambda found: self._taken[int(found[1])][1], text)

    def _took(self, pattern: str) -> re.Match[str] | None:
        found = re.compile(rf"\s*(?:{pattern})").match(self._text, self._position)
        self._position = found.end() if found else self._position
        return found

    def expect(self, pattern: str, name: str) -> re.Match[str]:
        """What must stand here. Raises ``Unreadable``."""
        found = self._took(pattern)
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise Unreadable("The filter is too long to be read.")
        if found is None:
            rest = self._words(self._text[self._position :])[:20]
            raise Unreadable(f"The filter could not be read from {rest!r} on, where {name} was expected.")
        return found

    def expression(self, qualifiers: _Qualifiers) -> tuple[Node, _Qualifiers]:
        """``term {and|or term}``, from left to right."""
        self._nesting += 1
        node, qualifiers = self._term(qualifiers)
        while found := self._took(f"({_AND})|{_OR}"):
            pattern, join = (_AND, packet_sets.all_of) if found[1] else (_OR, packet_sets.any_of)
            parts, self._changes = [node], self._changes + 1
            while len(parts) == 1 or self._took(pattern):
                part, qualifiers = self._term(qualifiers)
                parts.append(part)
            node = join(*parts)
        self._nesting -= 1
        return node, qualifiers

    def _term(self, qualifiers: _Qualifiers) -> tuple[Node, _Qualifiers]:
        if self._nesting > _MOST_NESTING or self._changes > _MOST_CHANGES:
            raise Unreadable("The filter is nested too deeply or changes between “and” and “or” too often to be read.")
        is_negated = self._negation()
        if found := self._took(r"@(\d+)#"):
            node, qualifiers = self._vague(primitives.looked_into(self._taken[int(found[1])][0]), found[0]), _NONE
        elif found := self._took(rf"(in|out)bound{_END}"):
            node, qualifiers = EVERYTHING if (found[1] == "in") == self._is_inbound else NOTHING, _NONE
        elif found := self._took(_NUMBERED):
            self._is_shifted |= found[1] in _SHIFTING
            node, qualifiers = self._vague(EVERYTHING, found[0]), _NONE
        elif found := self._took(_CAST):
            node, qualifiers = self._said(primitives.MULTICAST.get(found[1]) if found[2] else None, found[0]), _NONE
        elif found := self._took(f"({_PROTOCOL}){_END}(?!\\s*(?:{_DIRECTION}|{_KIND}){_END})"):
            node, qualifiers = self._said(primitives.ABBREVIATIONS.get(found[1]), found[0]), _NONE
        else:  # libpcap: after ")" a bare value goes on from the qualifiers that stood before "("
            found = self.expect(_QUALIFIERS, "a qualifier")
            if any(found.groups()):
                qualifiers = (found[1] or "", found[2] or "", found[3] or "")
                is_negated ^= self._negation()
            if self._took(r"\("):
                node, _ = self.expression(qualifiers)
                self.expect(r"\)", "a closing parenthesis")
            else:
                node = self._value(qualifiers)
        return packet_sets.inverse(node) if is_negated else node, qualifiers

    def _negation(self) -> bool:
        found = self._took(_NOT)
        return found is not None and len(re.findall("not|!", found[0])) % 2 == 1

    def _value(self, qualifiers: _Qualifiers) -> Node:
        found = self.expect(_VALUE, "a value") if any(qualifiers) else self.expect("(?!)", "a keyword")
        node = primitives.meaning(*qualifiers, found[1], (found[2] or "")[:1] + (found[3] or ""), self._lookup)
        return self._said(node, " ".join(filter(None, (*qualifiers, found[0].strip()))))

    def _said(self, node: Node | None, words: str) -> Node:
        """Behind ``vlan`` and the like everything is vague, and so is what has no meaning here (None)."""
        return self._vague(EVERYTHING, words) if node is None or self._is_shifted else node

    def _vague(self, node: Node, words: str) -> Node:
        self.unsaid.append(self._words(words).strip())
        return packet_sets.vague(EVERYTHING if self._is_shifted else node)
