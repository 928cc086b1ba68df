"""Names that may be expanded: the only ones that reach an SSH configuration, a command's arguments or a shell.

A host's Name tag, or the tag with its login user, can be any text, and a ProxyCommand hands it to a shell. The rule is
OpenSSH's own (``valid_hostname`` and ``valid_ruser`` in its ssh.c, 9.6 and later, which say "hostname contains invalid
characters"), and beyond it what a shell would still change or split in a bare word, or what makes a path of it: OpenSSH
looks at what its user typed, we at what anybody who may tag an instance wrote. Must not know where a name comes from.
"""

from __future__ import annotations

from vpcshark.errors import InputError

_OPENSSH_HOST = frozenset("'`\"$\\;&<>|(){},")
_OPENSSH_USER = frozenset("'`\";&<>|(){}")
_ROUTE = frozenset("@")  # ssh(1) takes what stands before one for a user
_SHELL = frozenset("$*?[]~#!^=/")  # variables, patterns, home folders, comments, history, assignments; and paths
LONGEST = 255  # of a host name (RFC 1035) and of a Name tag


class HostName(str):
    """A host's name, address or instance id. InputError if the text can't be one."""

    def __new__(cls, text: str) -> HostName:
        """Nothing is cleaned or cut: what is no name is refused."""
        if not is_host(text):
            raise InputError(f"{_shown(text)} is no host name that SSH can use.", "Name the host otherwise.")
        return super().__new__(cls, text)


class UserName(str):
    """Whom to log in as. InputError if the text can't be one."""

    def __new__(cls, text: str) -> UserName:
        """Nothing is cleaned or cut: what is no name is refused."""
        if not is_user(text):
            raise InputError(f"{_shown(text)} is no user name that SSH can use.", "Name another one with --ssh-user.")
        return super().__new__(cls, text)


def is_host(text: str) -> bool:
    """May the text be a host's name? ``.`` and ``..`` are folders."""
    return _is_word(text, _OPENSSH_HOST | _ROUTE | _SHELL) and bool(text.strip("."))


def is_user(text: str) -> bool:
    """May the text be a user's name? A backslash may stand in it (CORP\\jane), but not where it would take the next
    character's meaning away."""
    return _is_word(text, _OPENSSH_USER | _SHELL) and bool(text.strip(".")) and not text.endswith("\\")


def hosts(*texts: str) -> tuple[HostName, ...]:
    """Those of the ``texts`` that are host names, each once."""
    return tuple(dict.fromkeys(HostName(text) for text in texts if is_host(text)))


def _is_word(text: str, refused: frozenset[str]) -> bool:
    """Is the text one word that begins no option? ``isprintable`` refuses control characters, every kind of blank, what
    turns the direction of writing, and halves of characters, which no command line takes."""
    if not 0 < len(text) <= LONGEST or text.startswith("-"):
        return False
    return not any(one in refused or one.isspace() or not one.isprintable() for one in text)


def _shown(text: str) -> str:
    """For a message: any text, on one line and short."""
    return ascii(text if len(text) < 60 else text[:57] + "...")
