"""The answers to Wireshark's questions, as text: interfaces, DLTs, dialog, reloads.

Must not know where the interfaces come from (they are handed in) nor who prints the text. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import vpcshark
from vpcshark.capture.contract.listing import ListedInterface, Offer
from vpcshark.errors import VpcsharkError
from vpcshark.extcap.prepared.reader import CHOOSE, PROBLEM
from vpcshark.extcap.protocol import dialog, toolbar
from vpcshark.extcap.protocol.sentences import sentence
from vpcshark.options.table import KNOWN

HELP = Path(vpcshark.__file__).with_name("extcap") / "help.html"  # Wireshark opens it without a network too
NAME = "AWS VPC Traffic Mirroring"
"""The tool's, which Wireshark gives its toolbar in the menu."""


def version() -> str:
    """The ``extcap`` sentence. It must come before the ``interface`` sentences, which get its help page."""
    return sentence("extcap", version=vpcshark.__version__, help=HELP.as_uri(), display=NAME)


def interfaces(offer: Offer) -> str:
    """The answer to ``--extcap-interfaces``: the tool, its toolbar, what is wrong, the interfaces in the order given,
    and the entry that chooses among all there are."""
    more = f" ({offer.more} more not in this list)" if offer.more else ""
    entries = [*problems(offer.problems), *offer.listed, ListedInterface(CHOOSE, f"AWS: choose an ENI…{more}")]
    return version() + _toolbar() + "".join(sentence("interface", value=i.value, display=i.display) for i in entries)


def problems(errors: Sequence[VpcsharkError]) -> list[ListedInterface]:
    """One entry for each thing that is wrong: a short list would look as if there were no more ENIs."""
    texts = dict.fromkeys(f"AWS: {error}" for error in errors)
    return [ListedInterface(PROBLEM if n == 1 else f"{PROBLEM}-{n}", text) for n, text in enumerate(texts, 1)]


def waiting(seconds: float) -> VpcsharkError:
    """AWS has not answered yet, and Wireshark must not wait for it."""
    return VpcsharkError(
        f"AWS has not answered within {seconds:g} seconds; still waiting for AWS.",
        "Refresh the list in a moment: Capture > Refresh Interfaces.",
    )


def _toolbar() -> str:
    controls = (
        (toolbar.LOG, "button", "logger", "Log", "What the capture is doing"),
        (toolbar.HELP, "button", "help", "Help", "Open the help page"),
        (toolbar.STATE, "string", None, "State", "Frames received and dropped, time, cost without data transfer"),
        (toolbar.FILTER, "string", None, "Filter", "Another capture filter for the capture that runs"),
        (toolbar.DIAGNOSE, "button", "control", "Diagnose", "Say what the packets prove, from now on: see Log"),
    )
    return "".join(
        sentence("control", number=number, type=kind, role=role, display=display, tooltip=tooltip)
        for number, kind, role, display, tooltip in controls
    )


def dlts() -> str:
    """The answer to ``--extcap-dlts``: inner frames are Ethernet (LINKTYPE_ETHERNET, 1)."""
    return sentence("dlt", number=1, name="EN10MB", display="Ethernet")


def config(
    environ: Mapping[str, str], defaults: Mapping[str, str], *, is_chooser: bool = False, save: bool = True
) -> str:
    """The answer to ``--extcap-config``, the same for every ENI; ``is_chooser``: of the entry that chooses one. A named
    capture has ``defaults`` of its own: Wireshark passes a boolean's as if the user had chosen it.

    ``save`` false for the many: Wireshark keeps a preference for each option of each interface, in a list that it
    searches from the start for each (prefs.c, 4.0): 1,000 ENIs with 22 options took it 9 s of its own, 2,000 took 35 s.
    """
    return dialog.dialog(environ, defaults, is_chooser=is_chooser, save=save)


def reload(name: str, offered: Sequence[tuple[str, str]], interface: str) -> str:
    """The answer to ``--extcap-reload-option name``."""
    return dialog.reloaded(name, offered, is_chooser=interface == CHOOSE)


def reload_problem(name: str, error: VpcsharkError, interface: str) -> str:
    """The same when AWS can't be asked: Wireshark shows nothing but values, so one of them says it."""
    option = KNOWN.get(name)
    return reload(name, [(option.default if option else "", f"AWS: {error}")], interface)
