"""What the user's SSH configuration says of a host (ssh_config(5)), as far as it makes a difference here.

The installed OpenSSH client evaluates it; without one our own parser does, which refuses what it does not know. Must
not know how a connection is made of it.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from vpcshark import this_user, threads
from vpcshark.errors import Hopeless, InputError
from vpcshark.transport import ssh_evaluated, ssh_tokens
from vpcshark.transport.known_hosts import MACHINE_FILES, USER_FILES
from vpcshark.transport.names import HostName, UserName
from vpcshark.transport.ssh_evaluated import Found

log = logging.getLogger(__name__)
_NOBODY = HostName("vpcshark-nobody.invalid")  # a name that only patterns for every host match (RFC 2606)
_ADDRESS = re.compile(r"[0-9.]+|[0-9a-fA-F:]+:[0-9a-fA-F:.]*")
_WAYS = {"proxyjump", "proxycommand"}
_LISTS = ("identityfile", "certificatefile")
_ALGORITHMS = ["ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms"]
_ALGORITHMS += ["casignaturealgorithms"]
NONE = "none"
_NOT_SAID = ("host", "controlpath", ssh_evaluated.MATCHES_USER)  # of a name, though they may differ for each
_PATHS = ("bindaddress", "bindinterface", "pkcs11provider", "securitykeyprovider", "revokedhostkeys")
_FOR_SSH = "addressfamily checkhostip compression gssapiauthentication gssapiclientidentity gssapidelegatecredentials \
gssapikeyexchange gssapikexalgorithms gssapiserveridentity gssapitrustdns ipqos knownhostscommand \
preferredauthentications pubkeyauthentication rekeylimit requiredrsasize"
_PASSED = [*_FOR_SSH.split(), *_PATHS, *_ALGORITHMS]


@dataclass(frozen=True)
class Algorithms:
    """Which ones may be used, the first before the next; () where the configuration says nothing."""

    ciphers: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    kex: tuple[str, ...] = ()
    host_keys: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()
    ca_signatures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """Of one host; None, "" and () where the configuration says nothing. ``jumps`` are ``[user@]host[:port]``, the
    nearest first; ``proxy_command`` is an argument vector; ``host_key_alias`` is the host's name in known_hosts;
    ``key_files`` may be ("none",); ``agent`` is a socket's path, "none", or "" for the environment's. ``passed`` is for
    ssh(1) alone, as keywords with their values; ``masters`` are the sockets (ControlPath) on which the user's own may
    share a connection; ``program`` is the client that evaluated all this, "" if none did."""

    address: HostName | None = None
    user: UserName | None = None
    port: int = 0
    key_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    agent: str = ""
    identities_only: bool = False
    jumps: tuple[str, ...] = ()
    proxy_command: tuple[str, ...] = ()
    known_hosts_files: tuple[str, ...] = ()
    global_known_hosts_files: tuple[str, ...] = ()
    revoked_host_keys: str = ""
    host_key_alias: str = ""
    algorithms: Algorithms = field(default_factory=Algorithms)
    passed: Mapping[str, str] = field(default_factory=dict)
    masters: tuple[str, ...] = ()
    program: str = ""

    @property
    def known_hosts(self) -> list[str]:
        """All files that may have the host's key."""
        own, machine = self.known_hosts_files or USER_FILES, self.global_known_hosts_files or MACHINE_FILES
        return [name for name in (*own, *machine) if name.lower() != NONE]


@dataclass(frozen=True)
class Config:
    """Where the configuration is: in ``file``, or ("") where ssh(1) looks for it. ``program`` is the OpenSSH client
    that evaluates it, "" for our own parser. Each name is evaluated once, also for several hosts and threads."""

    file: str = field(default_factory=ssh_evaluated.file_in_force)
    program: str = field(default_factory=lambda: shutil.which("ssh") or "")
    _asked: threads.Once[Found] = field(default_factory=threads.Once, compare=False, repr=False)

    def ask(self, name: HostName, user: UserName | None = None, port: int = 0) -> Found:
        """The keywords that are said of ``name``. Hopeless, with the line, if they can't be told."""
        return self._asked.result((name, user, port), partial(self._ask, name, user, port))

    def _ask(self, name: HostName, user: UserName | None, port: int) -> Found:
        if self.program:
            return ssh_evaluated.ask(self.program, self.file, name, user, port)
        from vpcshark.transport import ssh_parsed

        return ssh_parsed.ask(self.file, name, user, port)

    def defaults(self) -> Found:
        """What the OpenSSH client shows where no configuration says anything."""
        if not self.program:
            return {}
        return self._asked.result((NONE,), partial(ssh_evaluated.ask_defaults, self.program))


def read(files: Sequence[str] = ()) -> Config:
    """The configuration that ssh(1) takes, or in its stead the first of ``files``; one that is not there is empty."""
    return Config(files[0] if Path(files[0]).exists() else NONE) if files else Config()


def lookup(
    config: Config,
    names: Sequence[HostName],
    user: UserName | None = None,
    port: int = 0,
    login: UserName | None = None,
) -> Settings:
    """The settings of the host that has all these ``names`` (its id, its Name tag, its address); what is said of the
    first name counts before what is said of the next, and what is said of every host (``Host *``) comes last. ``user``
    and ``port`` are the command line's; ``login`` logs in where neither names a user. Hopeless."""
    asked: list[Callable[[], Found]] = [partial(config.ask, name, user, port) for name in (*names, _NOBODY)]
    usual, *told = threads.together([partial(_tried, ask) for ask in (config.defaults, *asked)])
    answers = _answered(dict(zip(names, told, strict=False)), _given(usual))
    everybody = {} if isinstance(told[-1], Hopeless) else _without(told[-1], _given(usual))
    specific = {name: _specific(found, everybody, name) for name, found in answers.items()}
    speaking = next((name for name in answers if specific[name]), None) or _first_address(answers)
    general = {} if speaking is None else answers[speaking]  # for its name is in a HostName
    merged: Found = {}
    for found in specific.values():
        merged = {**found, **merged, **_joined(merged, found)}
    if _WAYS & merged.keys():  # ssh(1) takes the first of the two
        general = {key: value for key, value in general.items() if key not in _WAYS}
    settings = _settings({**general, **merged, **_joined(merged, general)}, speaking, login)
    asks_user = any(ssh_evaluated.MATCHES_USER in found for found in answers.values())
    if asks_user and not (user or settings.user) and login and login != local_user():
        return replace(lookup(config, names, login, port, login), user=None)
    return replace(settings, masters=_masters(answers.values()), program=config.program)


def _tried(ask: Callable[[], Found]) -> Found | Hopeless:
    try:
        return ask()
    except Hopeless as error:
        return error


def _given(told: Found | Hopeless) -> Found:
    if isinstance(told, Hopeless):
        raise told
    return told


def _answered(told: Mapping[HostName, Found | Hopeless], usual: Found) -> dict[HostName, Found]:
    """What is said of each name. A line may be refused for one name and not for another ("IgnoreUnknown" in a block):
    Hopeless if it is for all, or if it is what that name's own block says."""
    answers = {name: _without(found, usual) for name, found in told.items() if not isinstance(found, Hopeless)}
    refusals = [error for error in told.values() if isinstance(error, Hopeless)]
    own = [error for error in refusals if isinstance(error, ssh_evaluated.NotExpandable)]
    if own or (refusals and not answers):
        raise (own or refusals)[0]
    for error in refusals:
        log.warning("By one of the host's names nothing is known: %s", error.problem)
    return answers


def _without(found: Found, usual: Found) -> Found:
    return {key: value for key, value in found.items() if value != usual.get(key)}


def _specific(found: Found, everybody: Found, name: HostName) -> Found:
    """What ``found`` of the host ``name`` says otherwise than of ``everybody``: () where it takes that back ("none");
    of keys, which add up, what it adds."""
    said: Found = {}
    for key in found.keys() | everybody.keys():
        value = found.get(key, ())
        usual = tuple(one.replace(_NOBODY, name) for one in everybody.get(key, ()))
        if key in _LISTS:
            if more := tuple(one for one in value if one not in usual):
                said[key] = more
        elif key not in _NOT_SAID and value != usual:
            said[key] = value
    return said


def _masters(answers: Iterable[Found]) -> tuple[str, ...]:
    """Of all of the host's names: its user may have called it by any of them."""
    paths = (_text(found, "controlpath") for found in answers)
    return tuple(dict.fromkeys(path for path in paths if path and path.lower() != NONE))


def _joined(first: Found, then: Found) -> Found:
    """The values that add up, of both."""
    joined = {key: tuple(dict.fromkeys([*first.get(key, ()), *then.get(key, ())])) for key in _LISTS}
    return {key: values for key, values in joined.items() if values}


def _first_address(names: Iterable[HostName]) -> HostName | None:
    """Of names that nothing is said of, the one that a proxy can do something with; None if there is no name."""
    named = list(names)
    return next((name for name in named if _ADDRESS.fullmatch(name)), named[0] if named else None)


def _settings(found: Found, name: HostName | None, login: UserName | None) -> Settings:
    address, user = _named(HostName, "HostName", found), _named(UserName, "User", found)
    port = int(_text(found, "port") or 0)
    name = name or _NOBODY
    alias = _text(found, "hostkeyalias")
    host = address or HostName(name.lower())  # as ssh(1) dials it; what its user typed is %n
    tokens = ssh_tokens.Tokens(name, host, port or 22, user or login or local_user(), alias)
    command = _text(found, "proxycommand")
    return Settings(
        address=address,
        user=user,
        port=port,
        key_files=tuple(tokens.path(file) for file in found.get("identityfile", ())),
        certificate_files=_files(tokens, found.get("certificatefile", ())),
        agent=_agent(tokens, _text(found, "identityagent")),
        identities_only=_text(found, "identitiesonly").lower() == "yes",
        jumps=tuple(filter(None, _text(found, "proxyjump").split(","))),
        proxy_command=("sh", "-c", f"exec {tokens.command(command)}") if command else (),
        known_hosts_files=_files(tokens, ssh_tokens.files(_text(found, "userknownhostsfile"))),
        global_known_hosts_files=_files(tokens, ssh_tokens.files(_text(found, "globalknownhostsfile"))),
        revoked_host_keys=revoked if (revoked := tokens.path(_text(found, "revokedhostkeys"))).lower() != NONE else "",
        host_key_alias=alias,
        algorithms=_algorithms(found),
        passed={keyword: _text(found, keyword) for keyword in _PASSED if _text(found, keyword)},
    )


def _files(tokens: ssh_tokens.Tokens, names: Iterable[str]) -> tuple[str, ...]:
    """("none",) where it is said that there are none."""
    return tuple(tokens.path(name) for name in names)


def _agent(tokens: ssh_tokens.Tokens, said: str) -> str:
    """``SSH_AUTH_SOCK`` and ``$NAME`` stand for variables (ssh_config(5), IdentityAgent)."""
    if said == "SSH_AUTH_SOCK":
        return ""
    if re.fullmatch(r"\$\w+", said):
        said = f"${{{said[1:]}}}"
    return tokens.path(said)


def _algorithms(found: Found) -> Algorithms:
    return Algorithms(*(tuple(filter(None, _text(found, keyword).split(","))) for keyword in _ALGORITHMS))


Name = TypeVar("Name", HostName, UserName)


def _named(kind: type[Name], keyword: str, found: Found) -> Name | None:
    """Hopeless if the configuration has a name there that is none."""
    text = _text(found, keyword.lower())
    try:
        return kind(text) if text else None
    except InputError as error:
        raise Hopeless(f"{keyword} in the SSH configuration: {error.problem}", "Correct it there.") from error


def _text(found: Found, keyword: str) -> str:
    return next(iter(found.get(keyword, ())), "")


def split_jump(jump: str) -> tuple[UserName | None, HostName, int]:
    """``[user@]host[:port]`` (or ``ssh://…``) -> user or None, host, port or 0. Hopeless if those are no names."""
    user, host, port = _split(jump)
    try:
        return UserName(user) if user else None, HostName(host), port
    except InputError as error:
        raise Hopeless(f"ProxyJump in the SSH configuration: {error.problem}", "Correct it there.") from error


def _split(jump: str) -> tuple[str, str, int]:
    user, _, rest = jump.strip().removeprefix("ssh://").rpartition("@")
    host, colon, port = rest.rpartition(":")
    if colon and port.isdecimal() and (host.count(":") == 0 or host.endswith("]")):
        return user, host.strip("[]"), int(port)
    return user, rest.strip("[]"), 0


def local_user() -> UserName:
    """Who we are here, as ssh(1) takes it where nothing else is said. InputError if that is no name for SSH."""
    return UserName(this_user.name())
