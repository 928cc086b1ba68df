"""Everything that can be captured from, in all places that are wanted: as AWS says it, else as it was last known.

A place is a profile and a region. All are asked at the same time, and one that does not answer holds up no other.
Must not know AWS's calls (they are handed in), nor who shows the list.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vpcshark import folders, threads
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.connection import local_machine
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.contract.listing import ListedInterface, Offer
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import NAMED
from vpcshark.capture.inventory import mode_hints
from vpcshark.capture.inventory.from_json import made
from vpcshark.capture.inventory.tag_match import has_tags
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import VpcsharkError, unexpected
from vpcshark.settings import NamedCapture, Settings

DEADLINE = 40.0  # seconds for all places together

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where to look. "" means: as the AWS command line would choose."""

    profile: str = ""
    region: str = ""


DEFAULT = Place()
Lister = Callable[[Place], Sequence[Eni]]
"""The ENIs of one place. VpcsharkError."""


@dataclass(frozen=True)
class Entry:
    """One ENI in the list, with what its place in the list depends on."""

    id: str
    name: str
    display: str
    running: bool
    index: int
    place: Place = DEFAULT


def places(settings: Settings, options: CaptureOptions) -> list[Place]:
    """Every profile in every region. What the options say replaces the settings, in which what is to be listed comes
    before the default of a capture."""
    defaults = settings.defaults
    profiles = (options.profile,) if options.profile else settings.profiles or (defaults.get("profile", ""),)
    regions = (options.region,) if options.region else settings.regions or (defaults.get("region", ""),)
    return [Place(profile, region) for profile in profiles for region in regions]


def survey(
    wanted: Sequence[Place],
    settings: Settings,
    lister: Lister,
    known: Path | None,
    clock: Clock | None = None,
    is_here: IsHere = local_machine.is_here,
) -> tuple[list[Entry], list[VpcsharkError]]:
    """The entries of all places, and what is wrong. Where AWS can't be asked, the file ``known`` speaks, which is
    brought up to date."""
    before = load_known(known)
    entries: list[Entry] = []
    problems: list[VpcsharkError] = []
    asked: list[tuple[Place, Future[Sequence[Eni]]]] = [(place, threads.start(lister, place)) for place in wanted]
    clock = clock or SystemClock()
    end = clock.monotonic() + DEADLINE
    for place, future in asked:
        try:
            found = _answer(place, future, end - clock.monotonic())
            marks = mode_hints.marks(found, is_here, settings.hosts)
            entries += [
                entry(eni, place, many=len(wanted) > 1, mark=marks[eni.id]) for eni in found if is_wanted(eni, settings)
            ]
        except VpcsharkError as error:
            problems.append(error)
            entries += [one for one in before if one.place == place]
    save_known(known, [*entries, *(one for one in before if one.place not in wanted)])
    return entries, problems


def _answer(place: Place, future: Future[Sequence[Eni]], seconds: float) -> Sequence[Eni]:
    try:
        return future.result(max(0.0, seconds))
    except VpcsharkError:
        raise
    except TookTooLong as error:
        raise VpcsharkError(f"AWS did not answer in time{_of(place)}.", "Check the network and the proxy.") from error
    except Exception as error:  # one place's defect must not hide the others' ENIs
        log.exception("listing %s failed", place)
        raise unexpected(error, _of(place)) from error


def _of(place: Place) -> str:
    words = [f'for the profile "{place.profile}"'] if place.profile else []
    words += [f"in {place.region}"] if place.region else []
    return "".join(f" {word}" for word in words)


def entry(eni: Eni, place: Place, *, many: bool, mark: str = "") -> Entry:
    """``eni`` for a list; ``many``: of several places, so the display says which; ``mark`` says what else to know."""
    where = interfaces.SEPARATOR.join(part for part in place if part) if many else ""
    shown = interfaces.display(eni, has_id=False)  # Wireshark and tshark show the id beside it
    display = interfaces.SEPARATOR.join(filter(None, (shown, where, mark)))
    index = 1 << 16 if eni.device_index is None else eni.device_index + (eni.network_card << 8)
    return Entry(eni.id, eni.instance_name or eni.name, display, eni.instance_state == "running", index, place)


def is_wanted(eni: Eni, settings: Settings) -> bool:
    """Do the settings' filters let it into the list?"""
    return (not settings.vpcs or eni.vpc in settings.vpcs) and has_tags(eni, settings.tags)


def offer(
    entries: Iterable[Entry], problems: Sequence[VpcsharkError], settings: Settings, recent: Sequence[str]
) -> Offer:
    """What the list shows: named captures, then ENIs that were captured from lately, running instances, the rest.

    Wireshark sorts what it is given by id (4.0 to 4.6: ``tshark -D`` and the window); the order decides which ENIs are
    within the limit, and which have savable options. So what is no single ENI begins with ``aws-`` and stands above. An
    ENI's id stays its own: ``tshark -i`` takes what is listed alone, and options are kept by it, which a name that
    somebody changes in a tag would lose.
    """
    rank = {eni: place for place, eni in enumerate(recent)}
    ordered = sorted(
        {one.id: one for one in entries}.values(),
        key=lambda e: (rank.get(e.id, len(rank)), not e.running, interfaces.natural(e.name), e.index, e.id),
    )
    named = [ListedInterface(NAMED + one.name, named_display(one)) for one in settings.captures.values()]
    shown = [ListedInterface(one.id, one.display) for one in ordered[: settings.limit]]
    return Offer([*named, *shown], problems, len(ordered) - len(shown))


def named_display(capture: NamedCapture) -> str:
    """A named capture in a list: ``web · 2 ENIs · role=web``."""
    count = f"{len(capture.enis)} ENI{'s' if len(capture.enis) > 1 else ''}" if capture.enis else ""
    tags = " ".join(f"{tag.key}={tag.value}" for tag in capture.tags)
    owners = [*(f"asg:{name}" for name in capture.groups), *(f"lb:{name}" for name in capture.balancers)]
    owners += [f"path {path}" for path in capture.paths]
    return interfaces.SEPARATOR.join(filter(None, (capture.name, count, tags, *owners)))


def places_of(enis: Collection[str], known: Path | None) -> dict[Place, str]:
    """Where ENIs were last seen: each place with one of them; the place that the AWS command line would choose if none
    ever was."""
    return {one.place: one.id for one in load_known(known) if one.id in enis} or {DEFAULT: ""}


def load_known(file: Path | None) -> list[Entry]:
    """The entries that were last listed; none if the file is missing or no longer makes sense."""
    if file is None:
        return []
    try:
        return [_entry(raw) for raw in json.loads(file.read_bytes())]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def save_known(file: Path | None, entries: Sequence[Entry]) -> None:
    """Keep the entries for when AWS can't be asked. A disk that takes none is done without."""
    if file is None:
        return
    try:
        folders.write_whole(file, json.dumps([asdict(one) for one in entries]).encode())
    except OSError as error:
        log.warning("the list can't be kept in %s: %s", file, error)


def _entry(raw: Any) -> Entry:
    return made(Entry, {**raw, "place": made(Place, dict(zip(Place._fields, raw["place"], strict=True)))})
