"""What ``vpcshark config`` takes."""

from __future__ import annotations

from typing import Any


def add(commands: Any, name: str) -> None:
    """Declare it and its sub-commands."""
    parser = commands.add_parser(
        name,
        description="Show or change the settings: what Wireshark's list has, defaults for all ENIs, named captures.",
        epilog="example: vpcshark config set list.regions 'eu-west-1, eu-central-1'",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("show", help="show them (default)", description="Show the settings, or an example of them.")
    setting = actions.add_parser("set", help="change one", description="Change one setting.")
    setting.add_argument("name", metavar="SECTION.NAME", help='"list.regions", "defaults.host", "capture web.enis"')
    setting.add_argument("value", metavar="VALUE", help='"" takes it out')
    actions.add_parser("edit", help="open them in $EDITOR", description="Open the settings in $EDITOR.")
    actions.add_parser("path", help="say where they are", description="Say where the settings are.")
