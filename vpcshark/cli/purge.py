"""``vpcshark uninstall --purge``: removes every folder of vpcshark's own on this machine, unless a ledger is in one.

Must not know what is in the other files.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path

from vpcshark import folders
from vpcshark.cleanup import ledger
from vpcshark.errors import InputError


def refuse_if_owing() -> None:
    """InputError while there are ledgers: without them nobody would know what captures left in the account; and while
    a lab runs, which lives in one of the folders."""
    open_ones = [path.stem for path in ledger.all_paths()]
    if hidden := ledger.hidden():
        raise InputError(hidden, "Nothing was removed.")
    if open_ones:
        raise InputError(
            f"Captures that live, or are not cleaned up after yet, have their ledgers here: {', '.join(open_ones)}.",
            "Nothing was removed. vpcshark ps shows them; vpcshark cleanup finishes those that are dead.",
        )
    if running := _running_labs():
        raise InputError(f"A lab runs: {', '.join(running)}.", "Nothing was removed. End it: vpcshark lab stop")


def _running_labs() -> list[str]:
    """The names of those whose folder would go."""
    if sys.platform == "win32":  # no lab runs there
        return []
    from vpcshark.lab import homes

    inside = [lab for lab in homes.everywhere(homes.root(dict(os.environ))) if lab.is_relative_to(folders.state())]
    return [lab.name for lab in inside if not homes.is_free(lab)]


def purge() -> list[Path]:
    """Remove the folders and return those that were there. InputError for one that can't be removed."""
    for handler in logging.getLogger().handlers:  # Windows removes no file that is open
        handler.close()
    removed = []
    for folder in dict.fromkeys((folders.log(), folders.cache(), folders.config(), folders.state())):
        if folder.exists():
            try:
                shutil.rmtree(folder)
            except OSError as error:
                raise InputError(
                    f"{folder} cannot be removed: {error.strerror}.", "Remove it by hand, or make it yours."
                ) from error
            removed.append(folder)
    return removed
