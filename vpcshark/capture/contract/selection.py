"""What a capture is wanted from, as the user says it: ENIs by id, by tags, of an Auto Scaling group, behind a load
balancer, on the path of a connection.

Must not know which ENIs these are: AWS says that, and ``mirror.source_choice`` chooses among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vpcshark.errors import InputError
from vpcshark.settings import NamedCapture, PathEnds, Tag

NAMED = "aws-"  # before a named capture's name, where it is an interface: it sorts before eni-…

_GROUP, _BALANCER, _TAG, _PATH = "asg:", "lb:", "tag:", "path:"


@dataclass(frozen=True)
class Selection:
    """The ENIs that are named, and all that a query finds: those that bear every one of ``tags``, those of the
    instances of Auto Scaling ``groups``, those behind load ``balancers``, those that the packets of ``paths`` pass;
    ``points`` are the latter, once they are known. ``name`` is a named capture's."""

    enis: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    groups: tuple[str, ...] = ()
    balancers: tuple[str, ...] = ()
    name: str = ""
    paths: tuple[PathEnds, ...] = ()
    points: tuple[str, ...] = ()

    @property
    def single(self) -> str:
        """The one ENI that is wanted; "" where several may be."""
        return "" if self.is_query or len(self.enis) != 1 else self.enis[0]

    @property
    def is_query(self) -> bool:
        """May AWS find others than those that are named?"""
        return bool(self.tags or self.groups or self.balancers or self.paths)

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
            *(f"{_PATH}{path}" for path in self.paths),
        ]


def of_words(words: Iterable[str]) -> Selection:
    """From a command line: ``eni-…``, ``tag:KEY=VALUE``, ``asg:NAME``, ``lb:NAME``, ``path:SRC->DST:PORT``. InputError
    for a tag without a value and a path without two ends; a word of another shape is taken for an ENI's id, which AWS
    will not know."""
    found: dict[str, list[str]] = {"": [], _GROUP: [], _BALANCER: [], _TAG: [], _PATH: []}
    for word in words:
        kind = next((prefix for prefix in found if prefix and word.startswith(prefix)), "")
        found[kind].append(word.removeprefix(kind))
    tags = tuple(_tag(text) for text in found[_TAG])
    paths = tuple(dict.fromkeys(_path(text) for text in found[_PATH]))
    return Selection(_once(found[""]), tags, _once(found[_GROUP]), _once(found[_BALANCER]), paths=paths)


def of_named(capture: NamedCapture) -> Selection:
    """From the settings. One ENI that has a name of its own is still that ENI."""
    found = Selection(_once(capture.enis), capture.tags, capture.groups, capture.balancers, paths=capture.paths)
    return found if found.single else replace(found, name=capture.name)


def _once(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def _tag(text: str) -> Tag:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InputError(f'"{_TAG}{text}" is not tag:KEY=VALUE.', "For example tag:Name=web-*, or tag:env=prod.")
    return Tag(key, value or "*")


_PATH_WORDS = re.compile(r"(?P<source>.+?)->(?P<rest>.+?)(?:/(?P<protocol>[a-z0-9]+))?")
_WITH_PORT = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|lb:[^:]+|arn:.+|[^:]+):(?P<port>[0-9]{1,5})")


def _path(text: str) -> PathEnds:
    words = _PATH_WORDS.fullmatch(text)
    if words is None:
        raise InputError(
            f'"{_PATH}{text}" is not path:SRC->DST:PORT.',
            "For example 'path:web-1->db-1:5432', in quotes: > is the shell's.",
        )
    end = _WITH_PORT.fullmatch(words["rest"])
    host, port = (end["host"], end["port"]) if end else (words["rest"], "")
    return PathEnds(words["source"], host, port, words["protocol"] or "")
