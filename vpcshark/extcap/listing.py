"""The answers to Wireshark's questions, as text: interfaces, DLTs, dialog, reloads.

Must not know where the interfaces come from (they are handed in) nor who prints the text. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import vpcshark
from vpcshark.capture.listed import ListedInterface
from vpcshark.errors import VpcsharkError
from vpcshark.extcap import dialog
from vpcshark.extcap.control import LOG
from vpcshark.extcap.options import BY_NAME
from vpcshark.extcap.sentences import sentence

HELP = "https://docs.aws.amazon.com/vpc/latest/mirroring/what-is-traffic-mirroring.html"
PROBLEM = "vpcshark-problem"  # the value of the one entry that is listed when AWS can't be asked


def version() -> str:
    """The ``extcap`` sentence. It must come before the ``interface`` sentences, which get its help page."""
    return sentence("extcap", version=vpcshark.__version__, help=HELP, display="AWS VPC Traffic Mirroring")


def interfaces(listed: Sequence[ListedInterface]) -> str:
    """The answer to ``--extcap-interfaces``: the tool, its toolbar, its interfaces in the order given."""
    return version() + _toolbar() + "".join(sentence("interface", value=i.value, display=i.display) for i in listed)


def problem(error: VpcsharkError) -> list[ListedInterface]:
    """One entry that says what is wrong: an empty list would look as if the account had no ENIs."""
    return [ListedInterface(PROBLEM, f"AWS: {error}")]


def _toolbar() -> str:
    return sentence(
        "control",
        number=LOG,
        type="button",
        role="logger",
        display="Log",
        tooltip="What the capture is doing",
    ) + sentence("control", number=LOG + 1, type="button", role="help", display="Help", tooltip="Open the help page")


def dlts() -> str:
    """The answer to ``--extcap-dlts``: inner frames are Ethernet (LINKTYPE_ETHERNET, 1)."""
    return sentence("dlt", number=1, name="EN10MB", display="Ethernet")


def config(environ: Mapping[str, str]) -> str:
    """The answer to ``--extcap-config``, the same for every ENI."""
    return dialog.dialog(environ)


def reload(name: str, offered: Sequence[tuple[str, str]]) -> str:
    """The answer to ``--extcap-reload-option name``."""
    return dialog.reloaded(name, offered)


def reload_problem(name: str, error: VpcsharkError) -> str:
    """The same when AWS can't be asked: Wireshark shows nothing but values, so one of them says it."""
    option = BY_NAME.get(name)
    return dialog.reloaded(name, [(option.default if option else "", f"AWS: {error}")])
