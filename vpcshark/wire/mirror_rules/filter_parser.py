"""The capture filter's text -> a tree of what it says about IP headers. Pure.

The grammar is pcap-filter(7) as libpcap's ``grammar.y`` reads it: ``and`` and ``or`` bind equally and to the left,
``not`` binds closest, a value without a keyword takes over the qualifiers before it (``port 80 or 443``). What one
primitive means is in ``primitives``. Text that libpcap refuses may be read here; text that it accepts is either read
the same way, or refused with ``Unreadable``. Must not know mirror rules, nor ask anything outside (no name look-up:
the one that there is comes in as an argument).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vpcshark.wire.mirror_rules.primitives import (
    ABBREVIATIONS,
    ACCESSORS,
    EVERYTHING,
    NOTHING,
    AllOf,
    AnyOf,
    Lookup,
    Node,
    Not,
    Qualifiers,
    Vague,
    meaning,
    multicast,
)

__all__ = ["Unreadable", "parse"]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<escaped>\\[^\s!()]+)
  | (?P<word>(?:::)?[0-9A-Za-z](?:[-_.:A-Za-z0-9]*[.:A-Za-z0-9])?)
  | (?P<operator>&&|\|\||[<>!=]=|<<|>>|[-+*/%&|^<>=!()\[\]:])
    )""",
    re.VERBOSE,
)
_LONE_COLONS = re.compile(r"\s*::(?![0-9A-Za-z:])")  # the IPv6 address "::"
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]+")
_WORD = re.compile(r"(?:::)?[0-9A-Za-z].*|::|\\.*")
_FIELD_NAME = re.compile(r"(?:tcp-(?:fin|syn|rst|push|ack|urg|ece|cwr)|tcpflags|icmp6?(?:type|code)|icmp6?-[a-z0-9]+)$")
_RELATIONS = {">", "<", ">=", "<=", "=", "==", "!="}
_ARITHMETIC = {"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"}
_KINDS = {"host", "net", "port", "portrange", "proto", "protochain", "gateway"}
_SHIFTING = {"vlan", "mpls", "pppoes", "geneve"}  # after these, libpcap looks for IP further back in the frame
_LINK = {"ether", "fddi", "tr", "wlan", "link"}
_WORDS = {"and", "or", "not", "src", "dst", "mask", "len", "less", "greater", "broadcast", "multicast"}
_KEYWORDS = {*_KINDS, *_SHIFTING, *_LINK, *ABBREVIATIONS, *_WORDS}
_JOINS: dict[str, type[AllOf] | type[AnyOf]] = {"and": AllOf, "&&": AllOf, "or": AnyOf, "||": AnyOf}
_MOST_TOKENS = 4000
_MOST_NESTING = 30  # these two bound the recursion, here and over the tree
_MOST_CHANGES = 120


class Unreadable(ValueError):
    """This text, or this much of it, is not read here; libpcap may well accept it."""


def parse(text: str, lookup: Lookup, *, is_inbound: bool) -> Node:
    """Read a whole capture filter; an empty one means every frame. Raises ``Unreadable``.

    ``lookup(name, protocol)`` gives the port of a named service ("ssh", "tcp"), or None. ``is_inbound``: what the
    filter says about frames that come to the source, else about those that it sends.
    """
    if not text.strip():
        return EVERYTHING
    parser = _Parser(text, lookup, is_inbound)
    node, _ = parser.expression(None)
    if not parser.at_end():
        raise Unreadable(f"The filter could not be read from {parser.token!r} on.")
    return node


def _spans(text: str) -> list[tuple[int, int]]:
    """Where each token begins and ends."""
    spans: list[tuple[int, int]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _LONE_COLONS.match(text, position) or _TOKEN.match(text, position)
        if match is None or len(spans) == _MOST_TOKENS:
            raise Unreadable(f"The filter could not be read from {text[position:].strip()[:20]!r} on.")
        spans.append((match.end() - len(match.group().lstrip()), match.end()))
        position = match.end()
    return spans


class _Parser:
    """Recursive descent; each rule returns the node and the qualifiers that a bare value after it takes over."""

    def __init__(self, text: str, lookup: Lookup, is_inbound: bool) -> None:
        self._text = text
        self._spans = _spans(text)
        self._tokens = [text[start:end] for start, end in self._spans]
        self._position = 0
        self._nesting = 0
        self._changes = 0  # from and to or and back: each makes the tree deeper
        self._lookup = lookup
        self._is_inbound = is_inbound
        self._is_shifted = False

    @property
    def token(self) -> str:
        """The token that is read next, "" at the end."""
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def at_end(self) -> bool:
        return self._position == len(self._tokens)

    def _take(self) -> str:
        token = self.token
        self._position += 1
        return token

    def _took(self, *wanted: str) -> bool:
        if self.token in wanted and not self.at_end():
            self._position += 1
            return True
        return False

    def expression(self, qualifiers: Qualifiers | None) -> tuple[Node, Qualifiers | None]:
        """``term {and|or term}``, from left to right."""
        self._nesting += 1
        if self._nesting > _MOST_NESTING:
            raise Unreadable("The filter is nested too deeply to be read.")
        node, qualifiers = self._term(qualifiers)
        while self.token in _JOINS:
            joins = _JOINS[self.token]
            parts = [node]
            while _JOINS.get(self.token) is joins:
                self._take()
                part, qualifiers = self._term(qualifiers)
                parts.append(part)
            node = joins(tuple(parts))
            self._changes += 1
            if self._changes > _MOST_CHANGES:
                raise Unreadable("The filter changes between “and” and “or” too often to be read.")
        self._nesting -= 1
        return node, qualifiers

    def _term(self, qualifiers: Qualifiers | None) -> tuple[Node, Qualifiers | None]:
        is_negated = self._negation()
        node, qualifiers = self._positive(qualifiers)
        return (Not(node) if is_negated else node), qualifiers

    def _negation(self) -> bool:
        negations = 0
        while self._took("not", "!"):
            negations += 1
        return negations % 2 == 1

    def _positive(self, qualifiers: Qualifiers | None) -> tuple[Node, Qualifiers | None]:
        relation = self._relation()
        if relation is not None:
            return relation, None
        if self._took("("):
            # libpcap: after ")" a bare value goes on from the qualifiers that stood before "(".
            return self._group(qualifiers), qualifiers
        if self.token in _KEYWORDS or self.token in _OTHERS:
            return self._primitive()
        if qualifiers is None:
            raise Unreadable(f"In the filter, {self.token!r} has no keyword before it.")
        return self._value(qualifiers), qualifiers

    def _primitive(self) -> tuple[Node, Qualifiers | None]:
        start = self._position
        special = _OTHERS.get(self.token)
        if special is not None:
            self._take()
            return self._guarded(special(self), start), None
        protocol = "ether" if self.token in _LINK else self.token
        protocol = self._take() and protocol if protocol in ABBREVIATIONS or protocol == "ether" else ""
        if self.token in ("broadcast", "multicast"):
            node = (
                multicast(protocol) if self._take() == "multicast" else Vague(ABBREVIATIONS.get(protocol, EVERYTHING))
            )
            return self._guarded(node, start), None
        direction = self._direction()
        kind = self._take() if self.token in _KINDS else ""
        if direction or kind:
            return self._qualified(Qualifiers(protocol, direction, kind))
        if protocol == "ether" or not protocol:
            raise Unreadable(
                f"The filter has no value before {self.token!r}." if self.token else "The filter ends too early."
            )
        return self._guarded(ABBREVIATIONS[protocol], start), None

    def _qualified(self, qualifiers: Qualifiers) -> tuple[Node, Qualifiers]:
        is_negated = self._negation()
        node = self._group(qualifiers) if self._took("(") else self._value(qualifiers)
        return (Not(node) if is_negated else node), qualifiers

    def _group(self, qualifiers: Qualifiers | None) -> Node:
        node, _ = self.expression(qualifiers)
        if not self._took(")"):
            raise Unreadable("In the filter, a closing parenthesis is missing.")
        return node

    def _direction(self) -> str:
        first = self._take() if self.token in ("src", "dst") else ""
        ahead = self._tokens[self._position : self._position + 2]
        if first and len(ahead) == 2 and ahead[0] in ("or", "||", "and", "&&") and ahead[1] in {"src", "dst"} - {first}:
            self._position += 2
            return "both" if ahead[0] in ("and", "&&") else "either"
        return first

    def _value(self, qualifiers: Qualifiers) -> Node:
        if self.token in _KEYWORDS or self.token in _OTHERS or not _WORD.fullmatch(self.token):
            raise Unreadable(f"In the filter, a value was expected instead of {self.token!r}.")
        start = self._position
        value = self._take()
        if self.token in ("/", "mask"):
            value += f" {self._take()} {self._take()}"
            if self._position > len(self._tokens):
                raise Unreadable("The filter ends where a network mask was expected.")
        return self._guarded(meaning(qualifiers, value, self._lookup), start, str(qualifiers))

    def _guarded(self, node: Node, start: int, before: str = "") -> Node:
        """Name what is vague after its words in the filter; behind ``vlan`` and the like everything is."""
        own = self._text[self._spans[start][0] : self._spans[self._position - 1][1]]
        words = f"{before} {own}".strip()
        if self._is_shifted:
            return Vague(EVERYTHING, words)
        return Vague(node.node, words) if isinstance(node, Vague) else node

    def shift(self) -> Node:
        """The rest of ``vlan [number]`` and its kin."""
        if _NUMBER.fullmatch(self.token):
            self._take()
        self._is_shifted = True
        return Vague(EVERYTHING)

    def number(self) -> Node:
        """The rest of ``less N`` and its kin."""
        if not _NUMBER.fullmatch(self.token):
            raise Unreadable(f"In the filter, a number was expected instead of {self.token!r}.")
        self._take()
        return Vague(EVERYTHING)

    def inbound(self) -> Node:
        """``inbound``: all or nothing of the direction that is asked about."""
        return EVERYTHING if self._is_inbound else NOTHING

    def outbound(self) -> Node:
        """``outbound``: what ``inbound`` is not."""
        return NOTHING if self._is_inbound else EVERYTHING

    def nothing(self) -> Node:
        """What no IP packet is (``stp``)."""
        return NOTHING

    def _relation(self) -> Node | None:
        """``arithmetic relation arithmetic``, or None and nothing read, if that is not what stands here."""
        start = self._position
        first = next((token for token in self._tokens[start:] if token != "("), "")
        if not self._arithmetic() or self.token not in _RELATIONS:
            self._position = start
            return None
        self._take()
        if not self._arithmetic():
            raise Unreadable("In the filter, a comparison has no right side.")
        # libpcap checks the protocol of "tcp[13] & 2 != 0", but in "len + tcp[13] > 5" it forgets to: only the operand
        # that a sum begins with is checked.
        return self._guarded(Vague(ACCESSORS.get(first, EVERYTHING)), start)

    def _arithmetic(self) -> bool:
        if not self._operand():
            return False
        while self._took(*_ARITHMETIC):
            if not self._operand():
                return False
        return True

    def _operand(self) -> bool:
        while self._took("-"):
            pass
        if self._took("("):
            self._nesting += 1
            is_whole = self._nesting <= _MOST_NESTING and self._arithmetic() and self._took(")")
            self._nesting -= 1
            return is_whole
        is_accessor = self._position + 1 < len(self._tokens) and self._tokens[self._position + 1] == "["
        is_number = bool(_NUMBER.fullmatch(self.token) or _FIELD_NAME.fullmatch(self.token)) or self.token == "len"
        if not is_accessor and not is_number:
            return False
        self._take()
        return self._brackets() if is_accessor else True

    def _brackets(self) -> bool:
        depth = 0
        while not self.at_end():
            token = self._take()
            depth += {"[": 1, "]": -1}.get(token, 0)
            if depth == 0:
                return True
        return False


_OTHERS: dict[str, Callable[[_Parser], Node]] = {
    **{name: _Parser.shift for name in _SHIFTING},
    **{name: _Parser.number for name in ("less", "greater", "ifindex")},
    "inbound": _Parser.inbound,
    "outbound": _Parser.outbound,
    **{name: _Parser.nothing for name in ("pppoed",)},
}
