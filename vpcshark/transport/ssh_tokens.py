"""What ssh_config(5) calls TOKENS, and ``~`` and ``${VAR}``, in the values of an SSH configuration.

Each is replaced once, in one pass. Must not know where a value comes from, nor what it is for.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vpcshark import this_user
from vpcshark.errors import Hopeless
from vpcshark.transport.names import HostName, UserName

_TOKEN = re.compile(r"%(.?)|\$\{([^}]*)\}", re.DOTALL)
_COMMAND = "hnpr"
_FILE = "hnpruLlidkj"


@dataclass(frozen=True)
class Tokens:
    """Of one login: ``name`` as the user calls the host, ``host`` as it is dialled, ``alias`` its HostKeyAlias."""

    name: HostName
    host: HostName
    port: int
    user: UserName
    alias: str = ""

    def command(self, text: str) -> str:
        """A ProxyCommand. Its ``$`` are for the shell. Hopeless if it has a token that is none."""
        return _TOKEN.sub(lambda found: found[0] if found[0][0] == "$" else self._value(found[1], _COMMAND), text)

    def path(self, text: str) -> str:
        """The name of a file. Hopeless if it has a token that is none, or a variable that is not set."""
        return _TOKEN.sub(self._in_path, home(text))

    def _in_path(self, found: re.Match[str]) -> str:
        if found[0][0] == "%":
            return self._value(found[1], _FILE)
        value = os.environ.get(found[2])
        if value is None:
            raise Hopeless(f"The SSH configuration has ${{{found[2]}}}, which is not set.", "Set it, or correct that.")
        return value

    def _value(self, token: str, known: str) -> str:
        if token == "%":
            return "%"
        if not token or token not in known:
            raise Hopeless(f"The SSH configuration has a %{token} that is not known there.", "Correct it there.")
        return _VALUES[token](self)


_VALUES: dict[str, Callable[[Tokens], str]] = {
    "h": lambda of: of.host,
    "n": lambda of: of.name,
    "p": lambda of: str(of.port),
    "r": lambda of: of.user,
    "u": lambda of: this_user.name(),
    "L": lambda of: socket.gethostname().partition(".")[0],
    "l": lambda of: socket.gethostname(),
    "i": lambda of: str(os.getuid()) if hasattr(os, "getuid") else "",
    "d": lambda of: str(Path.home()),
    "k": lambda of: of.alias or of.name,
    "j": lambda of: "",
}


def home(text: str) -> str:
    """``~`` and ``~user`` at the start."""
    return os.path.expanduser(text) if text.startswith("~") else text


def files(text: str) -> list[str]:
    """The names in a line of several, which ssh(1) shows without quotes: a blank in a name is told from one between two
    by what follows it."""
    if " " not in text or Path(text).exists():
        return [text] if text else []
    found = re.split(r" (?=[/~%$]|[A-Za-z]:[\\/]|none$)", text)
    return [part for one in found for part in ([one] if " " not in one or one[:1] in "/~%$" else one.split(" "))]
