"""The user's settings: ``config.ini`` in the user's config folder, read, checked and changed.

Knows the file's shape and no room; what an option's value may be, the table in vpcshark/options/table.py says.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from vpcshark import folders, settings_text
from vpcshark.errors import InputError

LIMIT = 1000  # ENIs that are listed; each costs Wireshark about a millisecond at every start
_SPLIT = re.compile(r"[,\s]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_REGION = re.compile(r"[a-z][a-z]+(-[a-z]+)+-[0-9]+")
_TAKEN = re.compile(r"choose|problem(-\d+)?")  # entries of the list that are there anyway
_LIST = ("profiles", "regions", "vpcs", "tags", "limit", "types")
_HOSTS = {  # key -> what a word of it must be
    "accounts": (r"[0-9]{12}", "an account's twelve digits"),
    "instance-profiles": (
        r"[\w+=,.@*-]{1,128}|arn:[a-z-]+:iam::([0-9]{12}|\*):instance-profile/[\w+=,.@*/-]+",
        "the name or ARN of an instance profile",
    ),
    "ids": (r"i-[0-9a-f]{8,32}", "the id of an instance"),
}
_CAPTURE = ("enis", "tags", "asg", "lb", "profile", "region")
_PATH = ("source", "destination", "port", "protocol", "profile", "region")
EXAMPLE = """\
# vpcshark's settings. A line that begins with # is a remark.

[list]
# Which accounts, regions and VPCs Wireshark's list shows; nothing means: as the AWS command line would choose.
#profiles = prod, staging
#regions = eu-west-1, eu-central-1
#vpcs = vpc-0a1b2c3d
#tags = env=prod, team=net*
#limit = 1000
# "all": also those of NAT gateways, transit gateways, endpoints …, of which there are flow logs alone.
#types = capturable

[defaults]
# Options that hold for every ENI, by the names of "vpcshark capture --help".
#host = local

[hosts]
# To which of the instances tagged vpcshark:capture-host packets may be sent: the tag alone proves nothing, since
# whoever may tag could offer an instance. One that ids names; or one of these accounts with one of these instance
# profiles, as far as they are given. Nothing means: with an instance profile vpcshark-*, or this very machine.
#accounts = 123456789012
#instance-profiles = vpcshark-*, capture-host
#ids = i-0a1b2c3d4e5f60718

# A capture of several ENIs, with a name of its own in the list.
#[capture web]
#enis = eni-0a1b2c3d, eni-0a1b2c3e
# And all that AWS finds: by tags of the ENI or its instance, of an Auto Scaling group, behind a load balancer.
#tags = Name=web-*, env=prod
#asg = web-group
#lb = web-balancer
# Where they are, if not where the AWS command line would look; and options for this capture alone.
#profile = prod
#region = eu-west-1
#direction = in

# The path of one connection: captured at every interface that its packets pass, as vpcshark walk finds them.
#[path shop]
#source = web-1
#destination = db-1
#port = 5432
"""


@dataclass(frozen=True)
class Tag:
    """A wanted tag: ``value`` may have ``*``, as a shell's pattern; ``*`` alone means any."""

    key: str
    value: str


@dataclass(frozen=True)
class PathEnds:
    """The way of a connection, in the user's words for its ends. ``port`` and ``protocol`` may be ""."""

    source: str
    destination: str
    port: str = ""
    protocol: str = ""

    def __str__(self) -> str:
        """As a command line has it: ``web-1->db-1:5432``, ``a->b:53/udp``."""
        port = f":{self.port}" if self.port else ""
        return f"{self.source}->{self.destination}{port}" + (f"/{self.protocol}" if self.protocol else "")


@dataclass(frozen=True)
class NamedCapture:
    """Several ENIs under one name: those that are named, those that bear every one of the tags, those of Auto Scaling
    ``groups``, those behind load ``balancers``, and those that the packets of ``paths`` pass."""

    name: str
    enis: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    groups: tuple[str, ...] = ()
    balancers: tuple[str, ...] = ()
    profile: str = ""
    region: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[PathEnds, ...] = ()

    @property
    def section(self) -> str:
        """What its section in the file is called."""
        return f"{'path' if self.paths else 'capture'} {self.name}"


@dataclass(frozen=True)
class Hosts:
    """Which tagged instances ``host=auto`` may send packets to: those of ``ids``, and those that are of one of the
    ``accounts`` and have one of the instance ``profiles`` (names or ARNs, which may have ``*``), as far as these are
    said. False where nothing is."""

    accounts: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.accounts or self.profiles or self.ids)


@dataclass(frozen=True)
class Settings:
    """All of the file. Empty texts and tuples mean "not said"."""

    profiles: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    vpcs: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    limit: int = LIMIT
    every_type: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)
    captures: Mapping[str, NamedCapture] = field(default_factory=dict)
    hosts: Hosts = field(default_factory=Hosts)
    name: str = field(default="", compare=False)
    text: str = field(default="", compare=False, repr=False)

    def wrong(self, section: str, key: str, problem: str) -> InputError:
        """The error for what stands in a section, with file and line."""
        return _wrong(self.name, settings_text.line_of(self.text, section, key), problem.rstrip("."))

    @property
    def general(self) -> Mapping[str, str]:
        """The defaults without profile and region: where an ENI is, the list knows better, and these come last."""
        return {key: text for key, text in self.defaults.items() if key not in ("profile", "region")}

    def defaults_of(self, capture: str) -> Mapping[str, str]:
        """Of a named capture's options: its own before those of all (but for their place); the latter alone where none
        has that name."""
        found = self.captures.get(capture)
        own = {} if found is None else {"profile": found.profile, "region": found.region, **found.options}
        return {**self.general, **{key: text for key, text in own.items() if text}}


def path() -> Path:
    """Where the settings are."""
    return folders.config() / "config.ini"


def written() -> int:
    """When they were last written, in nanoseconds since the epoch; 0 where there are none."""
    try:
        return path().stat().st_mtime_ns
    except OSError:
        return 0


def load(file: Path | None = None) -> Settings:
    """Read ``file`` (None: the user's); all defaults if there is none. InputError with the line that is wrong."""
    file = file or path()
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeError) as error:
        raise InputError(f"The settings in {file} cannot be read: {error}.", "See vpcshark config.") from error
    return parse(text, str(file))


def parse(text: str, name: str = "config.ini") -> Settings:
    """Settings from ``text``. InputError names ``name``, the line and what is wrong with it."""
    parser = configparser.ConfigParser(interpolation=None, default_section="", strict=True, empty_lines_in_values=False)
    try:
        parser.read_string(text, name)
        return replace(_Reader(parser).settings(), name=name, text=text)
    except configparser.Error as error:
        raise _wrong(name, *_place(error, text)) from error
    except _Wrong as wrong:
        raise _wrong(name, settings_text.line_of(text, wrong.section, wrong.key), wrong.problem) from wrong


class _Wrong(Exception):
    def __init__(self, section: str, key: str, problem: str) -> None:
        super().__init__(problem)
        self.section, self.key, self.problem = section, key, problem


class _Reader:
    def __init__(self, parser: configparser.ConfigParser) -> None:
        self._parser = parser

    def settings(self) -> Settings:
        captures: dict[str, NamedCapture] = {}
        for section in self._parser.sections():
            kind, _, name = section.partition(" ")
            if kind in ("capture", "path"):
                if name.strip() in captures:
                    raise _Wrong(section, "", f'there is a capture and a path named "{name.strip()}"')
                read = self._capture if kind == "capture" else self._path
                captures[name.strip()] = read(section, name.strip())
            elif section not in ("list", "defaults", "hosts"):
                known = "[list], [defaults], [hosts], [capture NAME], [path NAME]"
                raise _Wrong(section, "", f"[{section}] is none of {known}")
        self._known("list", _LIST)
        self._known("hosts", tuple(_HOSTS))
        return Settings(
            profiles=self._words("list", "profiles"),
            regions=self._regions("list", "regions"),
            vpcs=self._words("list", "vpcs"),
            tags=self._tags("list"),
            limit=self._limit(),
            every_type=self._every_type(),
            defaults=self._section("defaults"),
            captures=captures,
            hosts=Hosts(*(self._hosts(key) for key in _HOSTS)),
        )

    def _hosts(self, key: str) -> tuple[str, ...]:
        """An allow-list with a slip in it would keep out whom it was to let in, or the other way round."""
        words, (pattern, what) = self._words("hosts", key), _HOSTS[key]
        for word in words:
            if not re.fullmatch(pattern, word):
                raise _Wrong("hosts", key, f'"{word}" is not {what}')
        return words

    def _check_name(self, section: str, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise _Wrong(section, "", f'a capture\'s name has small letters, digits and dashes, not "{name}"')
        if _TAKEN.fullmatch(name):
            raise _Wrong(section, "", f'"{name}" is the name of another entry of the list')

    def _path(self, section: str, name: str) -> NamedCapture:
        self._check_name(section, name)
        values = self._section(section)
        for key in ("source", "destination"):
            if not values.get(key, ""):
                raise _Wrong(section, "", f"[{section}] needs source and destination: whose packets are captured")
        path = PathEnds(*(values.get(key, "").strip() for key in _PATH[:4]))
        if path.port and not path.port.isdecimal():
            raise _Wrong(section, "port", f'"{path.port}" is not a port')
        return NamedCapture(
            name=name,
            profile=values.get("profile", ""),
            region=" ".join(self._regions(section, "region")),
            options={key: text for key, text in values.items() if key not in _PATH},
            paths=(path,),
        )

    def _capture(self, section: str, name: str) -> NamedCapture:
        self._check_name(section, name)
        values = self._section(section)
        capture = NamedCapture(
            name=name,
            enis=self._words(section, "enis"),
            tags=self._tags(section),
            groups=self._names(section, "asg"),
            balancers=self._names(section, "lb"),
            profile=values.get("profile", ""),
            region=" ".join(self._regions(section, "region")),
            options={key: text for key, text in values.items() if key not in _CAPTURE},
        )
        if not (capture.enis or capture.tags or capture.groups or capture.balancers):
            raise _Wrong(section, "", f"[{section}] needs enis, tags, asg or lb: what is captured")
        return capture

    def _section(self, section: str) -> dict[str, str]:
        return dict(self._parser.items(section)) if self._parser.has_section(section) else {}

    def _words(self, section: str, key: str) -> tuple[str, ...]:
        return tuple(word for word in _SPLIT.split(self._section(section).get(key, "")) if word)

    def _regions(self, section: str, key: str) -> tuple[str, ...]:
        words = self._words(section, key)
        for word in words:
            if not _REGION.fullmatch(word):
                raise _Wrong(section, key, f'"{word}" is not an AWS region such as eu-west-1')
        return words

    def _names(self, section: str, key: str) -> tuple[str, ...]:
        """Names may have blanks in them."""
        return tuple(name.strip() for name in self._section(section).get(key, "").split(",") if name.strip())

    def _tags(self, section: str) -> tuple[Tag, ...]:
        tags = []
        for part in self._section(section).get("tags", "").split(","):
            key, equals, value = part.strip().partition("=")
            if part.strip() and not (key.strip() and equals):
                raise _Wrong(section, "tags", f'"{part.strip()}" is not KEY=VALUE')
            if key.strip():
                tags.append(Tag(key.strip(), value.strip() or "*"))
        return tuple(tags)

    def _every_type(self) -> bool:
        text = self._section("list").get("types", "capturable")
        if text not in ("capturable", "all"):
            raise _Wrong("list", "types", f'"{text}" is neither capturable nor all')
        return text == "all"

    def _limit(self) -> int:
        text = self._section("list").get("limit", str(LIMIT))
        if not re.fullmatch(r"[0-9]{1,6}", text):
            raise _Wrong("list", "limit", f'"{text}" is not a number of ENIs')
        return int(text)

    def _known(self, section: str, keys: tuple[str, ...]) -> None:
        for key in self._section(section):
            if key not in keys:
                raise _Wrong(section, key, f"{key} is none of {', '.join(keys)}")


def _place(error: configparser.Error, text: str) -> tuple[int, str]:
    if isinstance(error, configparser.MissingSectionHeaderError):  # a ParsingError too
        return error.lineno, "a line before the first [section]"
    if isinstance(error, configparser.ParsingError):
        number = error.errors[0][0]
        return number, f"{text.splitlines()[number - 1].strip()} is not KEY = VALUE"
    if isinstance(error, configparser.DuplicateOptionError):
        return error.lineno or 0, f"{error.option} is there twice in [{error.section}]"
    if isinstance(error, configparser.DuplicateSectionError):
        return error.lineno or 0, f"[{error.section}] is there twice"
    return 0, str(error)


def _wrong(name: str, line: int, problem: str) -> InputError:
    return InputError(f"{name}, line {line}: {problem}.", "vpcshark config edit opens it in an editor.")
