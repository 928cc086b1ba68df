"""The capture host that the user wants: the option's text, parsed once, into one of seven kinds.

The kinds are told apart by ``match``, never by their text. Pure; must not know which hosts there are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Auto:
    """An instance that is tagged as capture host, else this machine."""

    def __str__(self) -> str:
        return "auto"


@dataclass(frozen=True)
class Local:
    """This machine."""

    def __str__(self) -> str:
        return "local"


@dataclass(frozen=True)
class Launch:
    """One that is launched, or was kept by an earlier capture."""

    def __str__(self) -> str:
        return "launch"


@dataclass(frozen=True)
class Instance:
    """A running instance, by its id (i-…)."""

    id: str

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True)
class Target:
    """An existing mirror target, by its id (tmt-…). ``receiving``: ids of the instances that receive behind it, where
    they cannot be seen from this account; empty: AWS is asked."""

    id: str
    receiving: tuple[str, ...] = ()

    def __str__(self) -> str:
        return _with_receiving(self.id, self.receiving)


@dataclass(frozen=True)
class Balancer:
    """A Network Load Balancer, by ``name`` or by ``arn``; ``receiving`` as of a ``Target``."""

    name: str = ""
    arn: str = ""
    receiving: tuple[str, ...] = ()

    def __str__(self) -> str:
        return _with_receiving(self.arn or f"{_BY_NAME}{self.name}", self.receiving)


@dataclass(frozen=True)
class Endpoint:
    """A Gateway Load Balancer's endpoint, by its id (vpce-…); ``receiving`` as of a ``Target``."""

    id: str
    receiving: tuple[str, ...] = ()

    def __str__(self) -> str:
        return _with_receiving(self.id, self.receiving)


Several = Target | Balancer | Endpoint
"""What may lead to several hosts."""
Host = Auto | Local | Launch | Instance | Target | Balancer | Endpoint
_BY_NAME = "lb:"
_WORDS: dict[str, Host] = {"auto": Auto(), "local": Local(), "launch": Launch()}


def parse(text: str) -> Host:
    """The option's text, which the table of options has checked: auto, local, launch, i-…, or tmt-…, vpce-…, lb:NAME
    or an ARN, these with @i-…,i-… behind them. ``str`` of the result is the text again."""
    if text in _WORDS:
        return _WORDS[text]
    word, _, listed = text.partition("@")
    receiving = tuple(one for one in listed.split(",") if one)
    if word.startswith("tmt-"):
        return Target(word, receiving)
    if word.startswith("vpce-"):
        return Endpoint(word, receiving)
    if word.startswith(_BY_NAME):
        return Balancer(name=word.removeprefix(_BY_NAME), receiving=receiving)
    if word.startswith("arn:"):
        return Balancer(arn=word, receiving=receiving)
    return Instance(text)


def target_id(host: Host) -> str:
    """The id of the existing mirror target that is meant, "" for none."""
    return host.id if isinstance(host, Target) else ""


def _with_receiving(word: str, receiving: tuple[str, ...]) -> str:
    return f"{word}@{','.join(receiving)}" if receiving else word
