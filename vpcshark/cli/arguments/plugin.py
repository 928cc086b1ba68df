"""What ``vpcshark install`` and ``uninstall`` take."""

from __future__ import annotations

from typing import Any

_DESCRIPTIONS = {
    "install": "Put vpcshark into Wireshark's interface list, and have the list made.",
    "uninstall": "Take vpcshark out of Wireshark's interface list.",
}


def add(commands: Any, name: str) -> None:
    """Declare one of them."""
    parser = commands.add_parser(name, description=_DESCRIPTIONS[name])
    parser.add_argument("--dir", help="Wireshark's extcap folder (default: Wireshark is asked)")
    if name == "install":
        meaning = 'also make Wireshark\'s configuration profile "vpcshark": rejected flow log records are red'
        parser.add_argument("--profile", action="store_true", help=meaning)
    if name == "uninstall":
        meaning = "remove settings, caches and log as well; refused while a capture is not cleaned up after"
        parser.add_argument("--purge", action="store_true", help=meaning)
