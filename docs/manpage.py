"""The man page vpcshark(1), made of the parser of all commands and the table of exit statuses: manpage.py FILE."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from argparse_manpage.cli import main

import vpcshark
from vpcshark import folders, logs
from vpcshark.cli import statuses

_HOME = str(Path.home())
FILES = {
    folders.config() / "config.ini": "the settings (vpcshark config)",
    folders.cache(): "prepared answers for Wireshark; may be deleted at any time",
    folders.state() / "captures": "a ledger of each capture, by which a crash is cleaned up after",
    logs.path(): "the log",
}


def escaped(text: str) -> str:
    """For roff (groff_man(7)): no line is a request, no backslash an escape, no dash a hyphen."""
    return "\\&" + text.replace("\\", "\\e").replace("-", "\\-")


def sections() -> str:
    """What no parser knows, as argparse-manpage includes it."""
    tagged = [("exit status", {str(status): meaning for status, meaning in statuses.TABLE.items()})]
    tagged.append(("files", {str(path).replace(_HOME, "~"): what for path, what in FILES.items()}))
    lines = []
    for title, entries in tagged:
        lines.append(f"[{title}]")
        lines += [f".TP\n.B {escaped(name)}\n{escaped(what)}" for name, what in entries.items()]
    seen = ["wireshark(1)", "tshark(1)", "extcap(4)", "pcap-filter(7)"]
    lines += ["[environment]", escaped("VPCSHARK_NAME for each option of vpcshark capture, as its help says.")]
    lines += ["[see also]", escaped(", ".join(seen))]
    return "\n".join(lines) + "\n"


def write(file: str) -> None:
    """Make it."""
    os.environ["COLUMNS"] = "100"  # usages are folded by it
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".inc") as include:
        include.write(sections())
        include.flush()
        words = ["--module", "vpcshark.cli.parsing", "--function", "whole", "--prog", "vpcshark", "--output", file]
        words += ["--description", "packets of an AWS network interface in Wireshark", "--include", include.name]
        words += ["--project-name", "vpcshark", "--version", vpcshark.__version__, "--manual-title", "vpcshark"]
        sys.argv = ["argparse-manpage", *words, "--format", "single-commands-section"]
        main()


if __name__ == "__main__":
    write(sys.argv[1])
