"""Which source a capture call means, with which options: an ENI, what the chooser chose, or a named capture.

Must not know how a capture works.
"""

from __future__ import annotations

from collections.abc import Mapping

from vpcshark import settings
from vpcshark.capture.options import CaptureOptions
from vpcshark.errors import InputError
from vpcshark.extcap import listing
from vpcshark.extcap.arguments import Call
from vpcshark.extcap.options import chosen, resolve
from vpcshark.extcap.prepared import CHOOSE

NAMED = "vpcshark-"  # before a named capture's name, where it is an interface


def source(call: Call, environ: Mapping[str, str]) -> tuple[str, CaptureOptions]:
    """The interface to capture from, and the options for it: the call's, the environment's, the named capture's own,
    the settings' defaults. InputError if nothing can be captured from it, or an option does not fit."""
    known = settings.load()
    values = chosen(call.values)
    interface = values.get("eni", "") if call.interface == CHOOSE else call.interface
    _check(call.interface, interface)
    defaults = dict(known.defaults)
    named = known.captures.get(interface.removeprefix(NAMED)) if interface.startswith(NAMED) else None
    if interface.startswith(NAMED) and named is None:
        name = interface.removeprefix(NAMED)
        raise InputError(f"There is no capture named {name} in the settings.", "vpcshark config shows them.")
    if named is not None:
        interface = _only(named)
        place = {"profile": named.profile, "region": named.region}
        defaults |= {key: text for key, text in {**place, **named.options}.items() if text}
    return interface, resolve(values, environ, call.capture_filter, defaults)


def _only(named: settings.NamedCapture) -> str:
    if len(named.enis) != 1 or named.tags:
        raise InputError(
            f"The capture {named.name} has several ENIs, and vpcshark captures from one at a time.",
            "Select its ENIs in Wireshark's list (Ctrl and click), or give tshark several -i.",
        )
    return named.enis[0]


def _check(listed: str, interface: str) -> None:
    if listed.startswith(listing.PROBLEM):
        raise InputError(
            "This entry is no network interface: it stands for the list that AWS did not give.",
            "Do what its text says, then refresh the interfaces (F5).",
        )
    if not listed:
        raise InputError("--capture needs --extcap-interface: the ENI.", "vpcshark interfaces lists them.")
    if not interface:
        raise InputError(
            "No ENI is chosen yet.", "Open the options of this entry (the gear), reload and choose one, then start."
        )
