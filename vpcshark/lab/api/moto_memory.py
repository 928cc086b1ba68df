"""Has moto remember what it would find out anew for each call and each value of an answer: a third of a call's time;
and botocore what it has read, as moto asks a new session three times when its EC2 is imported.

What is remembered depends on their classes and files alone, never on the state of the account. Must not know any
action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.loaders import create_loader
from moto import backends
from moto.core import responses, serialize

_NAMES = "_vpcshark_names"  # of a shape of botocore: (class of the object, key) -> the names that the value may have


def install() -> None:
    """Once or more; the first time before one of moto's services is imported."""
    if not hasattr(serialize.XFormedAttributePicker, _NAMES):
        botocore.session.create_loader = cache(create_loader)
        responses.method_names_from_class = _known_names(responses.method_names_from_class)
        modules = tuple(backends.list_of_moto_modules())
        backends.list_of_moto_modules = lambda: modules
        picker = serialize.XFormedAttributePicker
        picker.get_possible_keys = _remembering(picker.get_possible_keys)
        setattr(picker, _NAMES, True)


def _known_names(method_names: Callable[[Any], list[str]]) -> Callable[[Any], list[str]]:
    """``method_names`` asked once of a class, and again when it or one of its bases has got more: the lab adds
    actions."""
    known: dict[tuple[Any, ...], list[str]] = {}

    def asked(clazz: type) -> list[str]:
        which = (clazz, *(len(vars(base)) for base in clazz.__mro__))
        if which not in known:
            known[which] = method_names(clazz)
        return known[which]

    return asked


def _remembering(possible_keys: Any) -> Any:
    """``possible_keys`` asked once for each place of the model and each class that a value is taken from."""

    def asked(self: Any, context: serialize.AttributePickerContext) -> Iterator[str]:
        known = vars(context.shape).setdefault(_NAMES, {})
        which = (type(context.obj), context.key)
        if which not in known:
            known[which] = tuple(possible_keys(self, context))
        return iter(known[which])

    return asked
