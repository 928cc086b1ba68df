"""A dataclass from what a file of ours has: the file may be damaged, or anybody's. Must not know which class.

Pure.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def made(cls: type[T], raw: Mapping[str, Any]) -> T:
    """``cls`` of these fields, lists as tuples. ValueError for a value of another type than its field's; TypeError for
    a field that there is not."""
    hints = _hints(typing.cast("Any", cls))
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}
    for name, value in values.items():
        if name in hints and not _fits(value, hints[name]):
            raise ValueError(f"{cls.__name__} whose {name} can't be that")
    return cls(**values)


@functools.cache
def _hints(cls: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(cls)


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, each) for each in inner)
    if origin is tuple:  # of one type, any number
        return isinstance(value, tuple) and all(_fits(each, inner[0]) for each in value)
    if origin is not None and issubclass(Mapping, origin):
        return isinstance(value, dict) and all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    if hint is None or hint is types.NoneType:
        return value is None
    return type(value) is hint  # True is an int as well
