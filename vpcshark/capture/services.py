"""What the faces (extcap, cli) ask of everything below: list, capture, clean up. Puts the real seams in place.

The only module that decides which implementation stands behind a seam. Must not know Wireshark's sentences.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import vpcshark
from vpcshark import context, settings
from vpcshark.capture.contract.listing import Offer
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.progress import Course
from vpcshark.capture.contract.selection import NAMED, Selection, of_named
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.inventory import catalog, eni_cache, recent, selector_values
from vpcshark.capture.lifecycle import capture as lifecycle_capture
from vpcshark.capture.lifecycle.context import LEASE, Context, SignIn
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.cleanup import background, janitor, ledger, overview, report, sweep, tags, tidy
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import InputError, VpcsharkError
from vpcshark.wire.capture_files import pcapng

if TYPE_CHECKING:
    from vpcshark.aws.credentials.sign_in import Ask, Keys
    from vpcshark.aws.inventory.interfaces import Eni

log = logging.getLogger(__name__)

QUICK = 8.0  # seconds that a clean-up on the side may take


class Services:
    """``extcap.services.Services`` over AWS. Making one costs nothing; AWS is asked by the methods."""

    def __init__(
        self,
        clock: Clock | None = None,
        ledgers: Path | None = None,
        timeline: Timeline | None = None,
        lease: float = LEASE,
        ask: Ask | None = None,
        listed: Mapping[catalog.Place, Sequence[Eni] | VpcsharkError] | None = None,
    ) -> None:
        """``ask`` puts a question to the person at the terminal (None: nobody is there). ``listed``: what a
        place was found to have just now, so that AWS is not asked once more."""
        self._ask = ask
        self._listed = listed or {}
        self._clock = clock or SystemClock()
        self._ledgers = ledgers or ledger.folder()
        self._lease = lease
        self.timeline = timeline or Timeline(self._clock)

    def interfaces(self, options: CaptureOptions) -> Offer:
        """What the settings' places have, best candidate first; what is wrong where AWS can't be asked."""
        background.sweep_in_background(self._ledgers, self._clock)
        wanted = settings.load()
        places = catalog.places(wanted, options)
        entries, problems = catalog.survey(
            places,
            wanted,
            lambda place: eni_cache.keep(_slot(), place, self._enis(place)),
            _known(),
        )
        left = overview.remark(self._ledgers)
        problems = [*problems, VpcsharkError(left)] if left else problems
        return catalog.offer(entries, problems, wanted, recent.load())

    def _enis(self, place: catalog.Place) -> Sequence[Eni]:
        from vpcshark.aws import client
        from vpcshark.aws.inventory import interfaces as inventory_interfaces

        if isinstance(known := self._listed.get(place), VpcsharkError):
            raise known
        if known is not None:
            return known
        every_type = settings.load().every_type
        return inventory_interfaces.list_enis(client.connect(place.profile, place.region).ec2, every_type=every_type)

    def values(self, name: str, interface: str, options: CaptureOptions, vpc: str = "") -> Sequence[tuple[str, str]]:
        """What the selector ``name`` offers, see ``selector_values.choices``. VpcsharkError."""
        from vpcshark.aws import client

        is_named = interface.startswith(NAMED)
        named = settings.load().captures.get(interface.removeprefix(NAMED)) if is_named else None
        selection = Selection((interface,)) if named is None else of_named(named)
        if named is not None and not (options.profile or options.region):
            options = replace(options, profile=named.profile, region=named.region)
        options = placed(selection, options)
        return selector_values.choices(name, interface, vpc, lambda: client.connect(options.profile, options.region))

    def capture(
        self,
        selection: Selection,
        options: CaptureOptions,
        sink: Sink,
        stop: Stop,
        status: Status,
        course: Course | None = None,
    ) -> None:
        """One capture, from the header to the last deletion; see ``extcap.services.Services``."""
        course = course or Course()
        try:
            sink.write(pcapng.section_header(application=f"vpcshark {vpcshark.__version__}"))
        except SinkClosed as gone:  # "vpcshark capture … -w - | true": nothing was begun
            stop.request(str(gone))
            lifecycle_capture.tell_early(status, course)
            return
        _check_mode(selection, options)
        self._run(selection, placed(selection, options), (sink, status, stop), course)

    def _run(
        self, selection: Selection, options: CaptureOptions, ends: tuple[Sink, Status, Stop], course: Course
    ) -> None:
        """With a ledger and a janitor, which are there before anything is made, and dismissed in the end."""
        if selection.single:
            recent.note(selection.single)
        background.sweep_in_background(self._ledgers, self._clock)
        now = self._clock.now()
        identity = tags.Lease(f"c-{secrets.token_hex(6)}", tags.default_owner(), now + self._lease, now)
        log.info("Capture %s of %s begins.", identity.capture, selection)
        with self.timeline.step("open the ledger"):
            book = self._open_ledger(identity, str(selection), options)
        with self.timeline.step("start the janitor"):
            keeper = _start_janitor(book)
        try:
            sink, status, stop = ends
            context = Context(
                selection=selection,
                options=options,
                sink=sink,
                status=status,
                stop=stop,
                clock=self._clock,
                timeline=self.timeline,
                maker=Maker(book, identity, self.timeline, keeper.check),
                lease=self._lease,
                signed=SignIn(),
                course=course,
            )
            lifecycle_capture.Capture(context, book, _feed(context, book, keeper, self._ask)).run()
        finally:
            with self.timeline.step("dismiss the janitor"):
                keeper.dismiss()
            log.info("Capture %s ended.", identity.capture)

    def clean_up(self) -> None:
        """Finish the ledgers of dead captures on this machine, quickly. VpcsharkError says what is left."""
        left = tidy.tidy_all(ledger.all_paths(self._ledgers), reach=_reach(), clock=self._clock, patience=QUICK)
        if left:
            raise VpcsharkError(" ".join(left), "vpcshark cleanup tries again.")

    def _open_ledger(self, identity: tags.Lease, source: str, options: CaptureOptions) -> ledger.Ledger:
        header = {
            "owner": identity.owner,
            "started": identity.started,
            "expires": identity.expires,
            "source": source,
            "profile": options.profile,
            "region": options.region,
        }
        try:
            return ledger.Ledger(self._ledgers / f"{identity.capture}{ledger.SUFFIX}", header)
        except OSError as error:
            raise InputError(
                f"The ledger of this capture cannot be written in {self._ledgers}: {error.strerror}.",
                "Without it a crash would leave resources behind, so nothing was created; make the folder writable.",
            ) from error


def _feed(context: Context, book: ledger.Ledger, keeper: janitor.Janitor, ask: Ask | None) -> Feed:
    from vpcshark.capture.modes import factory  # here: it leads to AWS

    def entrust(keys: Keys) -> None:
        keeper.entrust(keys.as_line())
        book.is_covered(keys.expires)
        context.signed.until = keys.expires

    return factory.choose(context, book, entrust, ask)


def cleanup_report(
    places: Sequence[catalog.Place], which: str, *, dry_run: bool, ask: Ask | None = None
) -> report.CleanupReport:
    """Sweep the account of each place; see ``cleanup.report.clean``. AwsError where none can be reached; of several
    the report says which could not."""
    reach, clock = _reach(ask), SystemClock()
    whole = report.CleanupReport()
    for place in places:
        try:
            whole.add(report.clean(reach(*place), which, reach=reach, clock=clock, dry_run=dry_run))
        except VpcsharkError as error:
            if len(places) == 1:
                raise
            whole.problems.append(str(error))
    return whole


def captures(
    places: Sequence[catalog.Place], ask: Ask | None = None
) -> tuple[list[overview.Seen], float, VpcsharkError | None]:
    """Every capture that ledgers or tags know, with the time by which leases run out (AWS's, where it was asked); the
    error where AWS could not be asked in each place, and only ledgers speak, or where those are hidden."""
    clock, hidden = SystemClock(), ledger.hidden()
    try:
        accounts = [_reach(ask)(*place) for place in places]
        tagged = [resource for account in accounts for resource in account.tagged()]
    except VpcsharkError as error:
        return overview.overview(None, clock.now()), clock.now(), error
    there = sweep.now_there(accounts[0], clock)
    return overview.overview(tagged, clock.now(), there=there), there, VpcsharkError(hidden) if hidden else None


def _start_janitor(book: ledger.Ledger) -> janitor.Janitor:
    """Before the first create, or not at all: without it a capture that is killed would leave what it made."""
    try:
        return janitor.spawn(book.path)
    except OSError as error:
        book.finish()
        raise VpcsharkError(
            f"The process that cleans up after this capture could not be started: {error.strerror}.",
            "Nothing was created. Is the machine out of processes or memory?",
        ) from error


def _known() -> Path | None:
    """Where the list of this environment's ENIs is kept."""
    folder = _slot()
    return folder / "known" if folder else None


def _slot() -> Path | None:
    folder = context.slot(os.environ)
    return Path(folder) if folder else None


def _check_mode(selection: Selection, options: CaptureOptions) -> None:
    if options.mode == "tcpdump" and not selection.single:
        raise InputError(
            f"{selection} may be several ENIs, and tcpdump runs on one instance.",
            "Capture with --mode mirror, or from one ENI at a time.",
        )


def placed(selection: Selection, options: CaptureOptions) -> CaptureOptions:
    """With profile and region of the place where the ENIs were listed, unless the user says them; where none is named,
    of the one place that is listed. InputError where there are several: one capture host can't have sources of two
    accounts or regions."""
    if options.profile or options.region:
        return _filled_in(options)
    if not selection.enis:
        return _listed(selection, options)
    found = catalog.places_of(selection.enis, _known())
    if len(found) > 1:
        where = ", ".join(f"{eni} in {' '.join(filter(None, place)) or 'the usual'}" for place, eni in found.items())
        raise InputError(
            f"The ENIs are not all of one account and region: {where}.", "Capture from those of one place at a time."
        )
    ((profile, region),) = found
    return _filled_in(replace(options, profile=profile, region=region))


def _filled_in(options: CaptureOptions) -> CaptureOptions:
    """What neither the user nor the list says is as the settings' [defaults] have it."""
    said = settings.load().defaults
    profile, region = options.profile or said.get("profile", ""), options.region or said.get("region", "")
    return replace(options, profile=profile, region=region)


def _listed(selection: Selection, options: CaptureOptions) -> CaptureOptions:
    listed = catalog.places(settings.load(), options)
    if len(listed) > 1:
        raise InputError(
            f"The settings list several profiles or regions, and {selection} does not say which is meant.",
            "Give --profile and --region, or both in its section of the settings.",
        )
    return replace(options, profile=listed[0].profile, region=listed[0].region)


def _reach(ask: Ask | None = None) -> Callable[[str, str], tidy.Reached]:
    from vpcshark.cleanup.account import reach  # here: it leads to AWS

    return lambda profile, region: reach(profile, region, ask)
