"""Prepared answers, read: what the launcher does in shell, for where no shell is (Windows) or none could.

An answer is a file that a POSIX shell can source, because that is its fastest way to a text: one assignment in single
quotes, and behind it a mark without which the file counts as cut. ``index`` maps contexts to folders. Imports ``os``
and what is there already. Must not know what the answers say, nor how they are made (writer.py does).
"""

from __future__ import annotations

import os

from vpcshark import context

TYPE_CHECKING = False  # typing itself would cost as much as all of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

INTERFACES, CONFIG, CHOOSER, DLTS = "interfaces", "config", "config-choose", "dlts"
UNSAVED = "config-unsaved"  # the dialog for ENIs beyond the first, where the list is long
QUESTIONS = (INTERFACES, CONFIG, CHOOSER, UNSAVED, DLTS)
SAVED = "saved"  # which ENIs have the dialog whose values are kept; no such file: all
CHOOSE = "aws-choose"  # the value of the entry that browses everything
PROBLEM = "aws-problem"  # that of the entry that is listed when AWS can't be asked; further ones have a number
NAMED = "aws-"  # before a named capture's name, as in capture/contract/selection.py, which would take an import
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
ASKED = "asked"  # in a context's folder: the process ids of who asked for the interfaces, the last one first
_MOST = 8  # of them that are remembered: a tshark may ask while a Wireshark is open
_HEAD = "answer='"


def render(question: str, text: str) -> str:
    """The file for one answer. ``text`` may hold anything but NUL."""
    return f"{_HEAD}{escape(text)}'\nwhole='{question}'\n"


def parse(question: str, data: str) -> str | None:
    """The text in a file; None if the file is cut or another's."""
    end = f"'\nwhole='{question}'\n"
    if not data.startswith(_HEAD) or not data.endswith(end):
        return None
    return data[len(_HEAD) : -len(end)].replace("'\\''", "'")


def render_index(folders: Mapping[str, str]) -> str:
    """The file that maps contexts to folders' names, for a shell's ``case``."""
    lines = [f"'{escape(one)}') slot={name} ;;" for one, name in folders.items()]
    return "\n".join(["case $context in", *lines, "esac", "indexed=whole", ""])


def render_saved(interfaces: Sequence[str]) -> str:
    """The file that says for which interfaces values are kept, as a shell's ``case``."""
    patterns = "|".join(f"'{escape(one)}'" for one in interfaces)
    return f"case $interface in\n{patterns}) saved=yes ;;\nesac\nsorted=whole\n"


def escape(text: str) -> str:
    """``text`` for between a shell's single quotes."""
    return text.replace("'", "'\\''")


def slot(folder: str, environ: Mapping[str, str]) -> str:
    """The folder with the answers for this environment; "" if there is none."""
    index = _read(os.path.join(folder, "index"))
    head = f"'{escape(context.context(environ))}') slot="
    if not folder or not index.endswith("indexed=whole\n"):
        return ""
    _, found, rest = index.partition(f"\n{head}")
    name = rest.partition(" ;;")[0]  # of a damaged index it may be anything, also a way out of the folder
    return os.path.join(folder, name) if found and name.isalnum() else ""


def read(folder: str, question: str) -> str | None:
    """The answer in a context's folder; None if it is missing or cut."""
    return parse(question, _read(os.path.join(folder, question))) if folder else None


def question(argv: Sequence[str]) -> str:
    """Which of the prepared answers ``argv`` asks for; "" for everything else."""
    found, interface = "", ""
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--extcap-interface" and words:
            interface = words.pop(0)
        elif word.startswith("--extcap-interface="):
            interface = word.partition("=")[2]
        elif word in ("--extcap-interfaces", "--extcap-config", "--extcap-dlts") and not found:
            found = word.removeprefix("--extcap-")
        elif not word.startswith("--extcap-version"):
            return ""
    return dialog(interface) if found == CONFIG else found


def dialog(interface: str) -> str:
    """The question for ``interface``'s dialog: a named capture has its own, as its section has defaults of its own."""
    if interface == CHOOSE:
        return CHOOSER
    name = interface.removeprefix(NAMED)
    is_named = name != interface and _NAME.issuperset(name) and not interface.startswith(PROBLEM)
    return f"named-{name}" if is_named else CONFIG


def answer(argv: Sequence[str], environ: Mapping[str, str], parent: int) -> str | None:
    """The prepared answer to ``argv``; None where there is none, or where it must be a fresh one.

    Whoever asks for the interfaces a second time (Wireshark's Refresh Interfaces) wants to see what is new.
    """
    wanted = question(argv)
    if not wanted:
        return None
    place = slot(context.folder(environ), environ)
    text = read(place, variant(place, wanted, interface_of(argv)))
    if text is None or wanted != INTERFACES:
        return text
    return text if note_asker(place, parent) else None


def variant(place: str, wanted: str, interface: str) -> str:
    """The question whose answer ``interface`` gets: dialogs may keep their values or not."""
    path = os.path.join(place, SAVED)
    if wanted != CONFIG or not os.path.exists(path):
        return wanted
    _, _, rest = _read(path).partition("\n")
    is_saved = f"'{escape(interface)}'" in rest.partition(") saved")[0].split("|")
    return CONFIG if is_saved else UNSAVED


def interface_of(argv: Sequence[str]) -> str:
    """The interface that ``argv`` names, "" if none."""
    words = [one for word in argv for one in word.split("=", 1)]
    return words[words.index("--extcap-interface") + 1] if "--extcap-interface" in words[:-1] else ""


def note_asker(place: str, parent: int) -> bool:
    """Remember who asks for the interfaces; False if he has asked before, or can't be remembered."""
    if not place:
        return False
    path = os.path.join(place, ASKED)
    known = _read(path).split()
    others = [one for one in known if one != str(parent)]
    try:
        with open(path, "w", encoding="ascii", opener=_private) as file:
            file.write(" ".join([str(parent), *others][:_MOST]))
    except OSError:
        return False
    return str(parent) not in known


def write(text: str, out: TextIO) -> None:
    """Print an answer: UTF-8 with plain line ends, whatever the locale says."""
    buffer = getattr(out, "buffer", None)
    if buffer is None:
        out.write(text)
        return
    buffer.write(text.encode(errors="replace"))
    buffer.flush()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()
    except (OSError, ValueError):  # ValueError: a damaged index has a name with a NUL
        return ""
