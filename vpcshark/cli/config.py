"""``vpcshark config``: shows and changes the user's settings. Must not know what a setting does."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from vpcshark import folders, settings, settings_text
from vpcshark.cli import console
from vpcshark.errors import AwsError, InputError
from vpcshark.extcap.prepared.writer import Answers
from vpcshark.options import checked_settings
from vpcshark.text import is_shown


def run(options: argparse.Namespace) -> int:
    """Do what the action says; without one, show."""
    actions = {"set": run_set, "edit": run_edit, "path": run_path}
    return actions.get(options.action, run_show)(options)


def run_show(options: argparse.Namespace) -> int:
    """The file as it is, or an example of one; and what is wrong with it."""
    file = settings.path()
    text = _text(file)
    if not file.exists():
        console.err().print(f"There are no settings yet; {file} could say:")
    for line in (text or settings.EXAMPLE).splitlines():
        console.out().print(line, soft_wrap=True)
    check(text, file)
    return 0


def run_path(options: argparse.Namespace) -> int:
    """Where the settings are."""
    console.out().print(str(settings.path()), soft_wrap=True)
    return 0


def run_set(options: argparse.Namespace) -> int:
    """Change one setting; nothing is written if the result would not do."""
    section, dot, name = options.name.rpartition(".")
    if not dot or not section or not name:
        raise InputError(f'"{options.name}" is not SECTION.NAME.', "For example: list.regions, defaults.host")
    if not all(map(is_shown, options.value)):
        raise InputError("A value is one line of text.", "Take vpcshark config edit for more.")
    file = settings.path()
    section, name = section.strip(), name.strip().lower()
    before = _text(file)
    text = settings_text.change(before, section, name, options.value)
    try:
        check(text, file)
    except InputError as error:
        check(before, file)  # what was wrong before has its line
        said = error.problem.partition(": ")[2] if error.problem.startswith(f"{file}, line ") else error.problem
        raise InputError(f"{options.name}: {said.removeprefix(f'{name}: ')}", "Nothing was written.") from error
    if name in ("region", "regions"):
        _check_regions(options.value)
    write(file, text)
    said = f"{name} = {options.value}" if options.value else f"no {name} any more"
    console.err().print(f"{file} has in [{section}]: {said}", soft_wrap=True)
    return 0


def _check_regions(value: str) -> None:
    """InputError for a region that there is not: one that has the right shape would be asked for in vain for ever."""
    from vpcshark.aws import client

    for region in value.replace(",", " ").split():
        try:
            client.check_region(region)
        except AwsError as error:
            raise InputError(error.problem, error.remedy) from error


def run_edit(options: argparse.Namespace) -> int:
    """Let the user's editor change a copy; it becomes the settings if it will do."""
    file = settings.path()
    draft = _draft(file)
    named = [os.environ.get(name, "").strip() for name in ("VISUAL", "EDITOR")]
    editor = next(filter(None, named), "notepad" if sys.platform == "win32" else "vi")
    try:
        subprocess.run([*shlex.split(editor), str(draft)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:  # ValueError: a quote that nothing closes
        raise InputError(f"The editor {editor} failed: {error}.", "Name another one in EDITOR.") from error
    write(file, _text(draft))  # the draft stays if it will not do, for the next edit
    draft.unlink()
    return 0


def _draft(file: Path) -> Path:
    """The copy that is edited. InputError where it cannot be written."""
    draft = file.parent / "config.draft.ini"
    try:
        folders.private(file.parent)
        folders.write_whole(draft, (_text(draft) or _text(file) or settings.EXAMPLE).encode())
    except OSError as error:
        raise InputError(
            f"{draft} cannot be written: {error.strerror or error}.", "Make room there, or make it yours."
        ) from error
    return draft


def write(file: Path, text: str) -> None:
    """Keep ``text`` as the settings, and have the next list made by them. InputError if it will not do."""
    check(text, file)
    try:
        folders.write_whole(file, text.encode())
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror}.", "Make room there, or make it yours."
        ) from error
    Answers(os.environ).forget()


def check(text: str, file: Path) -> None:
    """InputError with what is wrong in ``text``: its shape, an option that there is not, a value that does not fit."""
    checked_settings.checked(settings.parse(text, str(file)))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as error:
        raise InputError(f"{file} cannot be read: {error}.", "Move it away, then try again.") from error
