"""Which AWS accounts and regions a command means, and the options it takes, by one order for all commands:
the flag, ``VPCSHARK_…``, the settings, then as the AWS command line chooses.

Must not know what a command does there.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from vpcshark import logs, threads
from vpcshark.aws import client
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.inventory import catalog, name_lookup
from vpcshark.capture.inventory.catalog import Place
from vpcshark.cli import console
from vpcshark.errors import VpcsharkError
from vpcshark.options import checked_settings
from vpcshark.options.resolve import resolve
from vpcshark.settings import Settings

Ask = Callable[[str], str]


def settled(given: Mapping[str, str]) -> tuple[CaptureOptions, Settings]:
    """The options in force, and the settings. InputError where one of them cannot be used, with file and line."""
    known = checked_settings.load()
    wanted = resolve(given, os.environ, "", known.general)
    logs.set_up(wanted.log_level, wanted.log_file)
    return wanted, known


def places(options: argparse.Namespace) -> list[Place]:
    """Where a command looks that looks at all there is: each of ``list.profiles`` in each of ``list.regions``, or the
    one that flags or environment say."""
    said = {"profile": options.profile, "region": options.region}
    known = checked_settings.load()
    settled(said)
    return catalog.places(known, resolve(said, os.environ))


def place(options: argparse.Namespace) -> Place:
    """Where a command looks that needs one place: the first of them."""
    return places(options)[0]


def listed(where: Sequence[Place], ask: Ask | None = None) -> dict[Place, Sequence[Eni] | VpcsharkError]:
    """The ENIs of every place, or why they are not known. People are asked one question after the other."""
    found: dict[Place, Sequence[Eni] | VpcsharkError] = {}
    works = {}
    list_enis = partial(interfaces.list_enis, every_type=checked_settings.load().every_type)
    for one in where:
        try:
            works[one] = threads.start(list_enis, client.connect(one.profile, one.region, ask).ec2)
        except VpcsharkError as error:
            found[one] = error
    for one, work in works.items():
        try:
            found[one] = work.result()
        except VpcsharkError as error:
            found[one] = error
    return found


def parted(
    found: Mapping[Place, Sequence[Eni] | VpcsharkError],
) -> tuple[dict[Place, Sequence[Eni]], list[VpcsharkError]]:
    """What is known of the places, and what is wrong."""
    enis = {place: one for place, one in found.items() if not isinstance(one, VpcsharkError)}
    return enis, [one for one in found.values() if isinstance(one, VpcsharkError)]


def named_enis(words: Sequence[str], wanted: CaptureOptions, known: Settings) -> tuple[list[str], CaptureOptions]:
    """``words`` with the id of each ENI that is named in another way, and the options with the place where it is.
    InputError for a name that nothing has, or several have."""
    if not any(name_lookup.is_name(word) for word in words):
        return [*words], wanted
    found = _all(catalog.places(known, wanted))
    ids = []
    for word in words:
        if name_lookup.is_name(word):
            there, eni = name_lookup.eni(word, found)
            word, wanted = eni.id, _at(wanted, there)
        ids.append(word)
    return ids, wanted


def named_instance(word: str, where: Place) -> str:
    """The id of the instance. InputError as above."""
    return word if name_lookup.is_instance(word) else name_lookup.instance(word, _all([where]))[1]


def _at(wanted: CaptureOptions, there: Place) -> CaptureOptions:
    """In the place where it was found."""
    return replace(wanted, profile=there.profile, region=there.region)


def _all(where: Sequence[Place]) -> Mapping[Place, Sequence[Eni]]:
    """A name could also be in a place that cannot be asked, so that is an error."""
    with console.working("Asking AWS which interface that is ...") as ask:
        found, problems = parted(listed(where, ask))
    if problems:
        raise problems[0]
    return found
