"""Commands for a host's login shell, whichever it is, and for the Python there, whatever it is called. Pure.

Must not know how a command gets to the host, nor what it does.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from vpcshark import text
from vpcshark.errors import TransportError

NO_SUCH_COMMAND = 127  # the exit status of a shell that does not find one, POSIX 2.8.2
_MOST_WORDS = 300  # characters
_PART = 500  # characters; old csh takes no word of more than 1,024
# What shells read in single quotes: csh ends them at a line's end and finds history events behind "!" (csh(1)), fish
# knows \\ and \' (fish(1), "Quotes").
_ACTING = "\n!\\'"

# Sets $python to the first Python 3.6 or later, "" if there is none. Red Hat's 8 and 9 have one for the system's own
# use alone (/usr/libexec/platform-python), others have versions without a plain name.
FIND_PYTHON = r"""
runs() { [ -f "$1" ] && [ -x "$1" ]; }
pythons() {
  p=$(command -v python3 2>/dev/null) && runs "$p" && echo "$p"
  runs /usr/libexec/platform-python && /usr/libexec/platform-python -c 'f"{1}"' 2>/dev/null &&
    echo /usr/libexec/platform-python
  IFS=:
  for folder in $PATH; do
    for p in "$folder"/python3.[1-9][0-9] "$folder"/python3.[6-9]; do runs "$p" && echo "$p"; done
  done
}
python=$(pythons | { read -r p; echo "$p"; })
"""


def carried(command: Sequence[str]) -> list[str]:
    """An argument vector that does what ``command`` does, and whose words every login shell passes on as they are once
    they are quoted for a POSIX one (``shlex.join``), as sshd hands over the whole line: also csh, tcsh and fish.

    Needs nothing there but a ``sh`` whose printf knows %b (POSIX, "printf", \\0 and three octal digits).
    """
    if not any(character in word for word in command for character in _ACTING):
        return list(command)
    parts = [""]
    for character in f"exec {shlex.join(command)}":
        piece = "".join(f"\\0{byte:03o}" for byte in character.encode()) if character in _ACTING else character
        if len(parts[-1]) + len(piece) > _PART:
            parts.append("")
        parts[-1] += piece
    return ["sh", "-c", 'eval "$(printf %b "$@")"', "sh", *parts]


def no_shell(where: str, said: str) -> TransportError:
    """No command ran at ``where``: its user's shell said ``said`` instead (nologin(8), a restricted shell …)."""
    words = text.line(said.strip(), _MOST_WORDS).rstrip(".")
    return TransportError(
        f"The login shell of {where} runs no commands for this user; it says: {words}.",
        "Log in there as a user whose login shell runs sh (--ssh-user), or give this one such a shell.",
    )


def no_python(where: str) -> TransportError:
    """A capture host without one."""
    return TransportError(
        f"There is no python3 on {where}.",
        "Install Python 3.6 or later there, or choose another capture host (--host).",
    )
