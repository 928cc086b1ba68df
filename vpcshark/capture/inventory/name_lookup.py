"""Finds the interface or instance that a person names: by name, id or address. Pure.

A name that could be several is not guessed: the candidates are told. Must not know how interfaces are listed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from vpcshark.aws.inventory.interfaces import Eni, display
from vpcshark.capture.inventory.catalog import Place
from vpcshark.errors import InputError

_ID = re.compile(r"eni-.*|(tag|asg|lb):.*", re.DOTALL)
_INSTANCE = re.compile(r"i-[0-9a-f]{8,32}")
_SHOWN = 8  # candidates of one sentence

Listed = Mapping[Place, Sequence[Eni]]

_BY: tuple[Callable[[Eni], Iterable[str]], ...] = (
    lambda eni: (eni.name, display(eni)),
    lambda eni: (eni.instance, eni.instance_name),
    lambda eni: (*eni.addresses, eni.public_address),
    lambda eni: (eni.name.casefold(),),
    lambda eni: (eni.instance_name.casefold(),),
)
"""What may be meant by a word, the likeliest first: the first that anything fits decides. Names count in small letters
only where nothing has the very word."""


def is_name(word: str) -> bool:
    """Is it another word than a source's own: an ENI's id, a tag, a group, a load balancer?"""
    return not _ID.fullmatch(word)


def is_instance(word: str) -> bool:
    """Has it the shape of an instance's id?"""
    return bool(_INSTANCE.fullmatch(word))


def eni(word: str, listed: Listed) -> tuple[Place, Eni]:
    """The one interface that ``word`` means. InputError with the candidates, or with names that are near."""
    found = _candidates(word, listed)
    if len(found) != 1:
        raise _unclear(word, "network interface", [display(one) for _, one in found], listed)
    return found[0]


def instance(word: str, listed: Listed) -> tuple[Place, str]:
    """The id of the one instance that ``word`` means. InputError as above."""
    named = {(place, one.instance): one for place, one in _candidates(word, listed) if one.instance}
    if len(named) != 1:
        shown = [f"{one.instance_name or one.name} · {one.instance}" for one in named.values()]
        raise _unclear(word, "instance", shown, listed)
    return next(iter(named))


def _candidates(word: str, listed: Listed) -> list[tuple[Place, Eni]]:
    every = [(place, one) for place, enis in listed.items() for one in enis]
    for words in _BY:
        if found := [(place, one) for place, one in every if word and word in words(one)]:
            return found
    return _candidates(word.casefold(), listed) if word != word.casefold() else []


def _unclear(word: str, what: str, candidates: Sequence[str], listed: Listed) -> InputError:
    if candidates:
        more = f"; and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
        shown = "; ".join(candidates[:_SHOWN])
        return InputError(f'"{word}" may be {len(candidates)} {what}s: {shown}{more}.', "Give one of these ids.")
    names = {name for enis in listed.values() for one in enis for name in (one.name, one.instance_name) if name}
    near = difflib.get_close_matches(word, sorted(names), n=3)
    remedy = f"Did you mean {' or '.join(near)}?" if near else "vpcshark interfaces lists what there is."
    return InputError(f'No {what} is called "{word}".', remedy)
