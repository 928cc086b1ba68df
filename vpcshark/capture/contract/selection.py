"""What a capture is wanted from, as the user says it: ENIs by id, by tags, of an Auto Scaling group, behind a load
balancer.

Must not know which ENIs these are: AWS says that, and ``mirror.source_choice`` chooses among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vpcshark.errors import InputError
from vpcshark.settings import NamedCapture, Tag

NAMED = "aws-"  # before a named capture's name, where it is an interface: it sorts before eni-…

_GROUP, _BALANCER, _TAG = "asg:", "lb:", "tag:"


@dataclass(frozen=True)
class Selection:
    """The ENIs that are named, and all that a query finds: those that bear every one of ``tags``, those of the
    instances of Auto Scaling ``groups``, those behind load ``balancers``. ``name`` is a named capture's."""

    enis: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    groups: tuple[str, ...] = ()
    balancers: tuple[str, ...] = ()
    name: str = ""

    @property
    def single(self) -> str:
        """The one ENI that is wanted; "" where several may be."""
        return "" if self.is_query or len(self.enis) != 1 else self.enis[0]

    @property
    def is_query(self) -> bool:
        """May AWS find others than those that are named?"""
        return bool(self.tags or self.groups or self.balancers)

    @property
    def label(self) -> str:
        """For a file's name: ``web``, ``eni-0a``, ``eni-0a+2``."""
        words = self._words()
        text = self.name or words[0] + (f"+{len(words) - 1}" if len(words) > 1 else "")
        return re.sub(r"[^\w.+=-]+", "-", text)

    def __str__(self) -> str:
        """For a sentence: the name, or what was said."""
        return self.name or " ".join(self._words())

    def _words(self) -> list[str]:
        return [
            *self.enis,
            *(f"{_TAG}{tag.key}={tag.value}" for tag in self.tags),
            *(_GROUP + group for group in self.groups),
            *(_BALANCER + balancer for balancer in self.balancers),
        ]


def of_words(words: Iterable[str]) -> Selection:
    """From a command line: ``eni-…``, ``tag:KEY=VALUE``, ``asg:NAME``, ``lb:NAME``. InputError for a tag without a
    value; a word of another shape is taken for an ENI's id, which AWS will not know."""
    found: dict[str, list[str]] = {"": [], _GROUP: [], _BALANCER: [], _TAG: []}
    for word in words:
        kind = next((prefix for prefix in found if prefix and word.startswith(prefix)), "")
        found[kind].append(word.removeprefix(kind))
    tags = tuple(_tag(text) for text in found[_TAG])
    return Selection(_once(found[""]), tags, _once(found[_GROUP]), _once(found[_BALANCER]))


def of_named(capture: NamedCapture) -> Selection:
    """From the settings. One ENI that has a name of its own is still that ENI."""
    name = "" if len(capture.enis) == 1 and not (capture.tags or capture.groups or capture.balancers) else capture.name
    return Selection(_once(capture.enis), capture.tags, capture.groups, capture.balancers, name)


def _once(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def _tag(text: str) -> Tag:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InputError(f'"{_TAG}{text}" is not tag:KEY=VALUE.', "For example tag:Name=web-*, or tag:env=prod.")
    return Tag(key, value or "*")
