"""boto3's descriptions of AWS's services, read once a process: EC2's alone takes a tenth of a second and more.

botocore keeps them for one session only. A list over profiles and regions has many, and so has clean-up.
Must not know what a service is for, nor import botocore before somebody connects.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

_OPENED_BY: Mapping[str, Callable[..., Any]] = {".json": open, ".json.gz": gzip.open}


class Files:
    """Reads a description as botocore's JSONFileLoader does, but into plain dicts: in half of the time."""

    def exists(self, path: str) -> bool:
        """Is there such a description? Its name comes without an ending."""
        return any(os.path.isfile(path + ending) for ending in _OPENED_BY)

    def load_file(self, path: str) -> Any:
        """The description; None if there is none. ValueError for what is no JSON, OSError."""
        for ending, opened in _OPENED_BY.items():
            if os.path.isfile(path + ending):
                with opened(path + ending, "rb") as file:
                    return json.loads(file.read())
        return None


def read_once(core: Any) -> None:
    """Have the botocore session ``core`` use what was read before, if its settings name the same folders.

    To be called when the session has its profile: ``data_path`` is a setting of a profile.
    """
    folders = (core.get_config_variable("data_path") or "").split(os.pathsep)
    known = tuple(os.path.expanduser(os.path.expandvars(folder)) for folder in folders if folder)
    core.register_component("data_loader", _loader(known))


@cache
def _loader(folders: Sequence[str]) -> Any:
    from botocore.loaders import Loader

    class Shared(Loader):
        """botocore's loader, for many sessions and threads: what it keeps is only ever added to."""

        @property
        def search_paths(self) -> list[str]:
            """A copy, as each session of boto3 appends a folder (with resources, which we never ask for)."""
            return [*super().search_paths]

        def list_available_services(self, type_name: str) -> list[str]:
            """The names of all folders. botocore's own looks into each of them, a thousand, for this type's file."""
            there = [path for path in self.search_paths if os.path.isdir(path)]
            return sorted({name for path in there for name in os.listdir(path)})

    return Shared(list(folders), file_loader=Files())  # type: ignore[arg-type]  # it asks for these two methods
