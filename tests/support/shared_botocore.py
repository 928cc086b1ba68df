"""What botocore computes anew for each session and client, though it is the same for all of a process: once. Many
hundred clients are made by tests. Must not know who makes them."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import botocore.session
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import create_loader

_NAMES: dict[str, str] = {}
_CLASSES: dict[tuple[str, str], type] = {}


def install() -> None:
    """For all sessions from now on. The services' descriptions, which take most (moto's import alone would read EC2's
    three times); the names of events; and the clients' classes, each with some hundred methods."""
    session, aliaser, creator = cast("tuple[Any, ...]", (botocore.session, EventAliaser, ClientCreator))
    session.create_loader = cache(create_loader)
    begin, create = aliaser.__init__, creator._create_client_class

    def begun(self: Any, *arguments: Any) -> None:
        begin(self, *arguments)
        self._alias_name_cache = _NAMES

    def created(self: Any, service_name: str, service_model: Any) -> type:
        key = service_name, service_model.api_version
        if key not in _CLASSES:
            _CLASSES[key] = create(self, service_name, service_model)
        return _CLASSES[key]

    aliaser.__init__ = begun
    creator._create_client_class = created
