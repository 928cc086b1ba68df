"""Which source a capture call means, with which options: an ENI, what the chooser chose, or a named capture's ENIs.

Must not know how a capture works.
"""

from __future__ import annotations

from collections.abc import Mapping

from vpcshark import settings
from vpcshark.capture.catalog import NAMED
from vpcshark.capture.options import CaptureOptions
from vpcshark.capture.selection import Selection, of_named
from vpcshark.errors import InputError
from vpcshark.extcap import configured
from vpcshark.extcap.arguments import Call
from vpcshark.extcap.options import chosen, resolve
from vpcshark.extcap.prepared import CHOOSE, PROBLEM


def source(call: Call, environ: Mapping[str, str]) -> tuple[Selection, CaptureOptions]:
    """What to capture from, and the options for it: the call's, the environment's, the named capture's own, the
    settings' defaults. InputError if nothing can be captured from it, or an option does not fit."""
    known = configured.load()
    values = chosen(call.values)
    interface = values.get("eni", "") if call.interface == CHOOSE else call.interface
    _check(call.interface, interface)
    if not interface.startswith(NAMED):
        return Selection((interface,)), resolve(values, environ, call.capture_filter, known.defaults)
    selection, defaults = named(interface.removeprefix(NAMED), known)
    return selection, resolve(values, environ, call.capture_filter, defaults)


def named(name: str, known: settings.Settings) -> tuple[Selection, Mapping[str, str]]:
    """What the named capture means, and the defaults of its options. InputError if there is none of that name."""
    if name not in known.captures:
        raise InputError(f"There is no capture named {name} in the settings.", "vpcshark config shows them.")
    return of_named(known.captures[name]), known.defaults_of(name)


def _check(listed: str, interface: str) -> None:
    if listed.startswith(PROBLEM):
        raise InputError(
            "This entry is no network interface: it stands for the list that AWS did not give.",
            "Do what its text says, then Capture > Refresh Interfaces (F5).",
        )
    if not listed:
        raise InputError("--capture needs --extcap-interface: the ENI.", "vpcshark interfaces lists them.")
    if not interface:
        raise InputError(
            "No ENI is chosen yet.", "Open the options of this entry (the gear), reload and choose one, then start."
        )
