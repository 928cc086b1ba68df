"""What the faces (extcap, cli) ask of everything below: list, capture, clean up. Puts the real seams in place.

The only module that decides which implementation stands behind a seam. Must not know Wireshark's sentences.
"""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import vpcshark
from vpcshark.capture import here, life
from vpcshark.capture.listed import ListedInterface
from vpcshark.capture.making import Maker
from vpcshark.capture.options import CaptureOptions
from vpcshark.capture.sink import Sink
from vpcshark.capture.status import Status
from vpcshark.capture.stop import Stop
from vpcshark.capture.timeline import Timeline
from vpcshark.cleanup import janitor, ledger, sweep, tags, tidy
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import InputError, VpcsharkError
from vpcshark.wire import pcapng

log = logging.getLogger(__name__)

QUICK = 8.0  # seconds that a clean-up on the side may take


class Services:
    """``extcap.services.Services`` over AWS. Making one costs nothing; AWS is asked by the methods."""

    def __init__(self, clock: Clock | None = None, ledgers: Path | None = None) -> None:
        self._clock = clock or SystemClock()
        self._ledgers = ledgers or ledger.folder()
        self.timeline = Timeline(self._clock)

    def interfaces(self, options: CaptureOptions) -> Sequence[ListedInterface]:
        """Every ENI, best candidate first. VpcsharkError."""
        from vpcshark.aws import client, inventory

        enis = inventory.list_enis(client.connect(options.profile, options.region).ec2)
        return [ListedInterface(eni.id, inventory.display(eni)) for eni in enis]

    def values(self, name: str, interface: str, options: CaptureOptions) -> Sequence[tuple[str, str]]:
        """The running instances that can be capture hosts, tagged ones first. VpcsharkError."""
        from vpcshark.aws import client, hosts, inventory

        if name != "host":
            return []
        ec2 = client.connect(options.profile, options.region).ec2
        tagged = {host.instance for host in hosts.list_hosts(ec2)}
        running = {
            eni.instance: eni
            for eni in inventory.list_enis(ec2)
            if eni.instance_state == "running" and eni.device_index == 0 and eni.id != interface
        }
        ordered = sorted(running.values(), key=lambda eni: eni.instance not in tagged)
        return [(eni.instance, _host_text(eni.instance in tagged, inventory.display(eni))) for eni in ordered]

    def capture(self, interface: str, options: CaptureOptions, sink: Sink, stop: Stop, status: Status) -> None:
        """One capture, from the header to the last deletion; see ``extcap.services.Services``."""
        sink.write(pcapng.section_header(application=f"vpcshark {vpcshark.__version__}"))
        identity = tags.Lease(f"c-{secrets.token_hex(6)}", tags.default_owner(), self._clock.now() + life.LEASE)
        log.info("Capture %s of %s begins.", identity.capture, interface)
        book = self._open_ledger(identity, interface, options)
        keeper = janitor.spawn(book.path)
        try:
            maker = Maker(book, identity, self.timeline)
            context = life.Context(interface, options, sink, status, stop, self._clock, self.timeline, maker)
            life.Capture(context, book, self._feed(context, book)).run()
        finally:
            keeper.dismiss()
            log.info("Capture %s ended.", identity.capture)

    def clean_up(self) -> None:
        """Finish the ledgers of dead captures on this machine, quickly. VpcsharkError says what is left."""
        left = [
            problem
            for path in ledger.all_paths(self._ledgers)
            for problem in _problems(tidy.tidy(path, reach=_reach(), clock=self._clock, patience=QUICK))
        ]
        if left:
            raise VpcsharkError(" ".join(left), "vpcshark cleanup tries again.")

    def _open_ledger(self, identity: tags.Lease, source: str, options: CaptureOptions) -> ledger.Ledger:
        header = {
            "owner": identity.owner,
            "started": self._clock.now(),
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

    def _feed(self, context: life.Context, book: ledger.Ledger) -> life.Feed:
        from vpcshark.aws import client
        from vpcshark.capture import mirror, reach

        options = context.options
        world = mirror.World(
            connect=lambda: client.connect(options.profile, options.region),
            open_transport=lambda host: reach.open_transport(host, options, here.is_here),
            is_here=here.is_here,
            python=sys.executable,
            on_account=book.belongs_to,
        )
        return mirror.MirrorFeed(context, world)


@dataclass
class CleanupReport:
    """What ``vpcshark cleanup`` did or, in a dry run, would do: capture id -> its resources, or why it was kept."""

    removed: dict[str, list[sweep.Resource]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def cleanup_report(profile: str, region: str, which: str, *, dry_run: bool) -> CleanupReport:
    """Sweep the account: ``which`` is "mine" (dead captures of this owner), "expired" (anybody's) or "all" (both)."""
    clock = SystemClock()
    account = _reach()(profile, region)
    report = CleanupReport()
    if not dry_run:
        for path in ledger.all_paths():
            report.problems += _problems(tidy.tidy(path, reach=lambda *_: account, clock=clock, patience=QUICK))
    for capture, resources in sweep.group_by_capture(account.tagged()).items():
        reason = _kept(resources, which, clock.now())
        if reason:
            report.kept[capture] = reason
            continue
        report.removed[capture] = resources
        if not dry_run:
            report.problems += sweep.remove_capture(account, capture, clock=clock, patience=60.0).problems
    return report


def _kept(resources: Sequence[sweep.Resource], which: str, now: float) -> str:
    """Why a capture is left alone; "" if it is to go. The latest expiry of its resources counts."""
    lease = max((r.lease for r in resources if r.lease is not None), key=lambda lease: lease.expires)
    expired = 0 < lease.expires < now
    mine = lease.owner == tags.default_owner()
    if which == "expired" and not expired:
        return f"the lease of {lease.owner} runs until {tags.format_time(lease.expires)}."
    if which == "mine" and not mine:
        return f"it belongs to {lease.owner or 'somebody unknown'}."
    if not sweep.is_dead(lease, owner=tags.default_owner(), now=now, lives_here=_lives_here):
        return f"it is a living capture of {lease.owner}, or runs elsewhere; its lease ends {_until(lease)}."
    return ""


def _until(lease: tags.Lease) -> str:
    return tags.format_time(lease.expires) if lease.expires else "at a time that its tag does not say"


def _lives_here(capture: str) -> bool | None:
    path = ledger.folder() / f"{capture}{ledger.SUFFIX}"
    return ledger.is_live(path) if path.exists() else None


def _problems(tidied: tidy.Tidied) -> Sequence[str]:
    return tidied.outcome.problems if tidied.outcome is not None else ()


def _host_text(tagged: bool, display: str) -> str:
    return f"{display} (tagged capture host)" if tagged else display


def _reach() -> Callable[[str, str], tidy.Reached]:
    from vpcshark.cleanup.account import reach  # here: it leads to AWS

    return reach
