"""What an SSH configuration says of one name, where there is no OpenSSH client to evaluate it: the plain part of
ssh_config(5), as OpenSSH's readconf.c has it.

Whatever is not known here to the letter is refused, with file and line: a guess could lead to another machine. Must not
know what is done with the answer.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vpcshark import this_user
from vpcshark.errors import Hopeless
from vpcshark.transport import ssh_keywords as keywords
from vpcshark.transport.names import HostName, UserName
from vpcshark.transport.ssh_evaluated import Found

FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")
DEEPEST = 16  # READCONF_MAX_DEPTH
_LINE = re.compile(r"([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+|$)(.*)")
_WORD = re.compile(r'"([^"]*)"|([^\s"\'\\#][^\s"\'\\]*)')


class _Unknown(Exception):
    """This line is none that is known here to the letter."""


def ask(file: str, name: HostName, user: UserName | None = None, port: int = 0) -> Found:
    """As ``ssh_evaluated.ask``. Hopeless, with the line, for what is not known here."""
    reading = _Reading(name)
    if user:
        reading.say("user", user)
    if port:
        reading.say("port", str(port))
    if file not in ("", "none") and not Path(file).exists():
        raise Hopeless(f"There is no SSH configuration {file}.", "Correct VPCSHARK_SSH_CONFIG.")
    for one in [] if file == "none" else [file] if file else FILES:
        reading.file(Path(one).expanduser(), system=one.startswith("/etc/"), active=True)
    for way in keywords.WAYS:
        if reading.found.get(way, ("",))[0].lower() == "none":
            del reading.found[way]
    said = reading.hostname.lower()
    reading.found.pop("hostname", None)
    return reading.found if said == name.lower() else {**reading.found, "hostname": (said,)}


@dataclass
class _Reading:
    """One name's way through the files: what is said first counts."""

    name: HostName
    found: Found = field(default_factory=dict)
    ignored: str = ""  # patterns of keywords that need not be known

    @property
    def hostname(self) -> str:
        """The name to dial, so far."""
        said = self.found.get("hostname", (self.name,))[0]
        return re.sub(r"%([%h])", lambda token: "%" if token[1] == "%" else self.name, said)

    def say(self, keyword: str, *values: str) -> None:
        """Note what is said first; of identities, all."""
        if keyword in ("identityfile", "certificatefile"):
            self.found[keyword] = tuple(dict.fromkeys([*self.found.get(keyword, ()), *values]))
        else:
            self.found.setdefault(keyword, (" ".join(values),))

    def file(self, path: Path, *, system: bool, active: bool, depth: int = 0) -> None:
        """Read a file; ``active``: what it says before its first block counts. One that is not there says nothing."""
        try:
            text = path.read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return
        except OSError as exc:
            raise Hopeless(f"The SSH configuration {path} cannot be read: {exc.strerror}.", "Correct that.") from exc
        block = active
        for number, line in enumerate(text.split("\n"), 1):
            try:
                block = self._line(line.strip(" \t\r\f"), block, active, system, depth)
            except _Unknown as exc:
                raise Hopeless(
                    f"{path} line {number} cannot be read without an OpenSSH client: {exc}.",
                    "Install one (ssh), or write the line otherwise.",
                ) from exc

    def _line(self, line: str, block: bool, active: bool, system: bool, depth: int) -> bool:
        """Is what follows the line for our host?"""
        if not line or line.startswith("#"):
            return block
        match = _LINE.fullmatch(line)
        if match is None or any(ord(one) < 32 and one != "\t" for one in line):
            raise _Unknown("it does not begin with a keyword")
        keyword, rest = match[1].lower(), match[2]
        if keyword == "host":
            return active and self._is_host(_words(rest))
        if keyword == "match":
            return self._is_match(_words(rest)) and active
        if keyword == "include":
            self._include(_words(rest), system, block, depth)
        elif not self._is_ignored(keyword):
            self._directive(keyword, rest, block)
        return block

    def _is_host(self, patterns: Sequence[str]) -> bool:
        """Case counts here. One pattern with ``!`` that matches, and the block is for others."""
        matching = [one for one in patterns if _matches(self.name, one.removeprefix("!"))]
        return bool(matching) and not any(one.startswith("!") for one in matching)

    def _is_match(self, words: Sequence[str]) -> bool:
        if [word.lower() for word in words] == ["all"]:
            return True
        if len(words) % 2:
            raise _Unknown("Match needs a value for each criterion")
        return all([self._is_met(*pair) for pair in zip(words[::2], words[1::2], strict=True)])

    def _is_met(self, criterion: str, patterns: str) -> bool:
        kind = criterion.lower().removeprefix("!")
        user = self.found.get("user", (this_user.name(),))[0]
        values = {"host": self.hostname, "originalhost": self.name, "user": user, "localuser": this_user.name()}
        if kind not in values:
            raise _Unknown(f"Match {kind} is not known")
        value = values[kind]
        if kind in ("host", "originalhost"):
            value, patterns = value.lower(), patterns.lower()
        return _in_list(value, patterns) is not criterion.startswith("!")

    def _include(self, names: Sequence[str], system: bool, block: bool, depth: int) -> None:
        if depth >= DEEPEST:
            raise _Unknown("Include goes too deep")
        for name in names:
            if "$" in name or "%" in name or (system and name.startswith("~")):
                raise _Unknown("Include of such a name is not known")
            pattern = Path("/etc/ssh" if system else "~/.ssh", name).expanduser() if name[0] != "~" else Path(name)
            for file in sorted(glob.glob(str(pattern.expanduser()))):
                self.file(Path(file), system=system, active=block, depth=depth + 1)

    def _is_ignored(self, keyword: str) -> bool:
        return not keywords.is_known(keyword) and _in_list(keyword, self.ignored.lower())

    def _directive(self, keyword: str, rest: str, block: bool) -> None:
        values = (rest,) if keyword in keywords.WHOLE else _words(rest)
        if keyword == "proxyjump" and values != [rest]:
            raise _Unknown("ProxyJump with quotes or a comment is not known")  # "none # x" is a host's name to ssh 9
        keyword = keywords.ALIASES.get(keyword, keyword)
        if (problem := keywords.problem(keyword, values)) is not None:
            raise _Unknown(problem)
        if not block:
            return
        if keyword == "ignoreunknown":
            self.ignored = self.ignored or values[0]
        elif keyword in keywords.WAYS:
            self._way(keyword, values[0])
        elif keyword in keywords.USED:
            self.say(keyword, *(keywords.normal(keyword, value) for value in values))

    def _way(self, keyword: str, value: str) -> None:
        """The first of the two counts; but a ProxyCommand may come after "ProxyJump none"."""
        jump = self.found.get("proxyjump", ("",))[0]
        if "proxycommand" not in self.found and (not jump or (keyword == "proxycommand" and jump.lower() == "none")):
            self.say(keyword, value)


def _words(text: str) -> list[str]:
    """The arguments on a line, in double quotes where they have blanks; a ``#`` before one begins a comment."""
    words: list[str] = []
    rest = text.strip()
    while rest and not rest.startswith("#"):
        match = _WORD.match(rest)
        if match is None or (match.end() < len(rest) and not rest[match.end()].isspace()):
            raise _Unknown("its quotes or backslashes are not known")
        words.append(match[1] if match[1] is not None else match[2])
        rest = rest[match.end() :].lstrip()
    if not words or words[0].startswith("=") or not all(words):
        raise _Unknown("it has no argument")
    return words


def _in_list(value: str, patterns: str) -> bool:
    """Comma-separated patterns (PATTERNS in ssh_config(5)): one with ``!`` that matches decides."""
    matching = [one for one in patterns.split(",") if _matches(value, one.removeprefix("!"))]
    return bool(matching) and not any(one.startswith("!") for one in matching)


def _matches(value: str, pattern: str) -> bool:
    parts: Iterable[str] = ({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None
