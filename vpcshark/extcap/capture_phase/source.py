"""Which source a capture call means, with which options: an ENI, what the chooser chose, or a named capture's ENIs.

Must not know how a capture works.
"""

from __future__ import annotations

from collections.abc import Mapping

from vpcshark import context
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import NAMED, Selection
from vpcshark.errors import InputError
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.reader import CHOOSE, PROBLEM
from vpcshark.extcap.protocol.arguments import Call
from vpcshark.options import checked_settings
from vpcshark.options.checked_settings import named
from vpcshark.options.resolve import chosen, resolve


def source(call: Call, environ: Mapping[str, str]) -> tuple[Selection, CaptureOptions]:
    """What to capture from, and the options for it: the call's, the environment's, the named capture's own, the
    settings' defaults. InputError if nothing can be captured from it, or an option does not fit."""
    known = checked_settings.load()
    values = chosen(call.values)
    interface = values.get("eni", "") if call.interface == CHOOSE else call.interface
    _check(call.interface, interface, environ)
    if not interface.startswith(NAMED):
        return Selection((interface,)), resolve(values, environ, call.capture_filter, known.general)
    selection, defaults = named(interface.removeprefix(NAMED), known)
    return selection, resolve(values, environ, call.capture_filter, defaults)


def _said(listed: str, environ: Mapping[str, str]) -> str:
    """The text of an entry: a column of the list may have cut it."""
    text = reader.read(reader.slot(context.folder(environ), environ), reader.INTERFACES) or ""
    _, found, rest = text.partition(f"{{value={listed}}}{{display=")
    return rest.partition("}")[0].removeprefix("AWS: ") if found else ""


def _check(listed: str, interface: str, environ: Mapping[str, str]) -> None:
    if listed.startswith(PROBLEM):
        raise InputError(
            f"This entry is no network interface, but says what is wrong: {_said(listed, environ)}".strip(),
            "Then choose Capture > Refresh Interfaces. vpcshark doctor looks at everything.",
        )
    if not listed:
        raise InputError("--capture needs --extcap-interface: the ENI.", "vpcshark interfaces lists them.")
    if not interface:
        raise InputError(
            "No ENI is chosen yet.", "Open the options of this entry (the gear), reload and choose one, then start."
        )
