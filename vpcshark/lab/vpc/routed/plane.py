"""The data plane of a topology: builds its spaces, and has them do what the account says after each change.

What is wanted is worked out anew each time (``spaces``, ``routing``, ``filtering``); only what differs from what is in
force is done. Must not know moto or the EC2 API: it is told the whole ``Cloud``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vpcshark.errors import VpcsharkError
from vpcshark.lab.cloud import Cloud, Eni
from vpcshark.lab.vpc import netns, record
from vpcshark.lab.vpc.routed import filtering, names, routing, spaces
from vpcshark.lab.vpc.routed.listening import Listening
from vpcshark.lab.vpc.routed.routing import Ways
from vpcshark.lab.vpc.routed.spaces import Cable, Layout

_OF_ENDPOINT = ("tcp 443",)
_PATIENCE = 2.0  # seconds between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Outfit:
    """What is not the account's: ``serves`` instance id -> ("tcp 80", …), ``internet`` address -> the same,
    ``routers`` the instances that forward."""

    serves: Mapping[str, Sequence[str]] = field(default_factory=dict)
    internet: Mapping[str, Sequence[str]] = field(default_factory=dict)
    routers: frozenset[str] = frozenset()


@dataclass
class _Force:
    """What is in force."""

    layout: Layout = field(default_factory=lambda: Layout({}, frozenset(), {}))
    once: set[tuple[str, str]] = field(default_factory=set)
    ways: dict[str, Ways] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)


class RoutedPlane:
    """The spaces of a lab called ``lab``, their record below ``state_dir``/vpc, where ``NamespacePlane`` finds it too
    and takes a dead lab's down. All methods raise VpcsharkError."""

    def __init__(self, state_dir: Path, lab: str) -> None:
        self._lab = lab
        self._folder = state_dir / "vpc"
        self._now = _Force()
        self._lock = threading.Lock()
        self._record: record.Record | None = None
        self._listening = Listening()
        self.namespaces: dict[str, str] = {}
        """Space -> namespace."""
        self.cloud = Cloud()
        self.outfit = Outfit()

    def start(self, cloud: Cloud, outfit: Outfit) -> None:
        """Build it; returns when packets go where the account lets them."""
        if os.geteuid() != 0:
            raise VpcsharkError("A topology of network namespaces needs root.", "Run the lab as root.")
        if shutil.which("nft") is None:
            raise VpcsharkError("The lab needs the program nft.", "Install the package nftables.")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._record = record.Record(self._folder / "record.json")
        self._record.save()
        self.outfit = outfit
        try:
            self.follow(cloud)
        except BaseException:
            self.stop()
            raise

    def follow(self, cloud: Cloud) -> None:
        """The account is this from now on; returns when it is in force."""
        with self._lock:
            if cloud == self.cloud and self._now.scripts:
                return
            wanted = spaces.layout(cloud, self.outfit.internet)
            ways, scripts = routing.ways(cloud), filtering.scripts(cloud)
            self._remove(wanted)
            self._build(cloud, wanted)
            self.cloud, self._now.layout = cloud, wanted
            for key in wanted.spaces:
                self._route(key, ways.get(key, Ways()))
                if scripts.get(key, "") != self._now.scripts.get(key, ""):
                    run_nft(self.namespaces[key], scripts[key])
                    self._now.scripts[key] = scripts[key]
            self._serve(wanted)

    def instance(self, identity: str) -> str:
        """The namespace of an instance; "" if it has none."""
        return self.namespaces.get(names.space("instance", identity), "")

    def aside(self, name: str) -> tuple[str, record.Record]:
        """A namespace of the lab's own that no packet of the account comes to, and where to note its processes."""
        assert self._record is not None
        namespace = f"{self._lab}-lab-{name}"
        self._record.namespaces.append(namespace)
        self._record.save()
        netns.ip_batch([f"netns add {namespace}"])
        netns.ip_batch(["link set lo up"], namespace)
        return namespace, self._record

    def layout(self) -> Layout:
        """Spaces and cables as they are."""
        return self._now.layout

    def stop(self) -> None:
        """Take everything down, and nothing else."""
        made = self._record or record.load(self._folder / "record.json")
        self._listening.close()
        if made is not None:
            there = [each for each in made.namespaces if (netns.FOLDER / each).exists()]
            left = [pid for pid in netns.processes(there) if pid != os.getpid()]
            record.end([found for found in map(record.identify, left) if found], _PATIENCE)
            netns.ip_batch(f"netns del {each}" for each in there)
            made.path.unlink(missing_ok=True)
        self._record, self._now, self.namespaces, self.cloud = None, _Force(), {}, Cloud()

    def _remove(self, wanted: Layout) -> None:
        """Cables and spaces that are no more."""
        before = self._now.layout
        for cable in before.cables - wanted.cables:
            netns.ip_batch([f"link del {cable.one.device}"], self.namespaces[cable.one.space])
            for end in (cable.one, cable.other):
                self._forget_device(end.space, end.device)
        gone = [key for key in before.spaces if key not in wanted.spaces]
        for key in gone:
            self._listening.leave(key)
            self._now.ways.pop(key, None)
            self._now.scripts.pop(key, None)
        self._now.once -= {each for each in self._now.once if each[0] in gone}
        if gone:
            netns.ip_batch(f"netns del {self.namespaces[key]}" for key in gone)
            assert self._record is not None
            for key in gone:
                self._record.namespaces.remove(self.namespaces.pop(key))
            self._record.save()

    def _forget_device(self, space: str, device: str) -> None:
        """The kernel took its routes along."""
        ways = self._now.ways.get(space)
        if ways is not None:
            words = f"dev {device}"
            ways.routes = {
                k: v for k, v in ways.routes.items() if words not in (v, v.removesuffix(" onlink")[-len(words) :])
            }
        self._now.once -= {each for each in self._now.once if each[0] == space and f" dev {device}" in each[1]}

    def _build(self, cloud: Cloud, wanted: Layout) -> None:
        """Spaces and cables that are new."""
        new = {key: kind for key, (kind, _) in wanted.spaces.items() if key not in self.namespaces}
        self._name(wanted)
        netns.ip_batch([f"netns add {self.namespaces[key]}" for key in new])
        for key, kind in new.items():
            settings = spaces.settings(kind, key.partition(":")[2] in self.outfit.routers)
            netns.inside(self.namespaces[key], lambda settings=settings: netns.write_settings(settings))  # type: ignore[misc]
        cables = sorted(wanted.cables - self._now.layout.cables)
        netns.ip_batch([spaces.cable_command(each, self.namespaces) for each in cables])
        commands: dict[str, list[str]] = {key: _first(kind) for key, kind in new.items()}
        for key, once in wanted.once.items():
            commands.setdefault(key, []).extend(self._first_time(key, once))
        devices: dict[str, list[str]] = {}
        for cable in cables:
            for end in (cable.one, cable.other):
                commands.setdefault(end.space, []).extend(spaces.end_commands(cable, end))
                devices.setdefault(end.space, []).append(end.device)
        for eni in cloud.enis.values():
            self._configure(cloud, eni, wanted, commands)
        for vpc in cloud.vpcs:
            key = names.space("vpc", vpc)
            commands.setdefault(key, []).extend(self._first_time(key, routing.neighbours(cloud, vpc)))
        for key, lines in commands.items():
            if key in devices:
                netns.inside(self.namespaces[key], partial(_prepare, devices[key]))
            if lines:
                netns.ip_batch(lines, self.namespaces[key])

    def _name(self, wanted: Layout) -> None:
        """Give new spaces a namespace's name that nobody has; in the record before they are made."""
        assert self._record is not None
        for key, (kind, name) in wanted.spaces.items():
            if key not in self.namespaces:
                plain = names.namespace(self._lab, kind, name)
                taken = plain in self.namespaces.values()
                self.namespaces[key] = f"{plain}-{names.tail(key)}" if taken else plain
                self._record.namespaces.append(self.namespaces[key])
        self._record.save()

    def _first_time(self, key: str, lines: Iterable[str]) -> list[str]:
        """Of these commands, those that have not been run in the space yet."""
        new = [each for each in lines if (key, each) not in self._now.once]
        self._now.once |= {(key, each) for each in new}
        return new

    def _configure(self, cloud: Cloud, eni: Eni, wanted: Layout, commands: dict[str, list[str]]) -> None:
        key = names.space("instance", eni.owner)
        if eni.owner.startswith("i-") and key in wanted.spaces:
            commands.setdefault(key, []).extend(self._first_time(key, spaces.instance_commands(cloud, eni)))

    def _route(self, key: str, wanted: Ways) -> None:
        before = self._now.ways.get(key, Ways())
        families: dict[str, list[str]] = {"-4": [], "-6": []}
        for rule in sorted(before.rules - wanted.rules):
            families[rule[:2]].append(f"rule del {rule[3:]}")
        for (table, destination), where in wanted.routes.items():
            if before.routes.get((table, destination)) != where:
                families[_family(destination)].append(_route_command("replace", table, destination, where))
        for table, destination in before.routes.keys() - wanted.routes.keys():
            families[_family(destination)].append(f"route del {destination} table {table}")
        for rule in sorted(wanted.rules - before.rules):
            families[rule[:2]].append(f"rule add {rule[3:]}")
        for family, lines in families.items():
            if lines:
                netns.ip_batch(lines, self.namespaces[key], [family])
        self._now.ways[key] = Ways(set(wanted.rules), dict(wanted.routes))

    def _serve(self, wanted: Layout) -> None:
        for key, (kind, name) in wanted.spaces.items():
            if kind == "instance":
                self._listening.serve(
                    key, self.namespaces[key], name, self.outfit.serves.get(key.partition(":")[2], ())
                )
            if kind == "endpoint":
                self._listening.serve(key, self.namespaces[key], name, _OF_ENDPOINT)
        if names.INTERNET in wanted.spaces:
            for address, services in self.outfit.internet.items():
                key = f"{names.INTERNET} {address}"
                self._listening.serve(key, self.namespaces[names.INTERNET], address, services, address)


def _family(destination: str) -> str:
    return "-6" if ":" in destination else "-4"


def _route_command(word: str, table: int, destination: str, where: str) -> str:
    if where == "throw":
        return f"route {word} throw {destination} table {table}"
    return f"route {word} {destination} {where} table {table}"


def _prepare(devices: Sequence[str]) -> None:
    netns.disable_offloads(devices)
    netns.write_settings(spaces.device_settings(devices))


def _first(kind: str) -> list[str]:
    """What is done in a new space before anything else."""
    if kind == "instance":
        return ["link set lo up"]
    end = f"{names.NOWHERE}-end"
    made = f"link add name {names.NOWHERE} mtu 65535 type veth peer name {end} mtu 65535"
    return ["link set lo up", made, f"link set {end} arp off up", f"link set {names.NOWHERE} arp off up"]


def run_nft(namespace: str, script: str) -> None:
    """Put a table in force."""
    command = ["ip", "netns", "exec", namespace, "nft", "-f", "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise VpcsharkError(f"The lab's rules could not be put in force: {done.stderr.strip()}.")


def cables_of(layout: Layout) -> dict[tuple[str, str], tuple[str, str]]:
    """(space, device) -> the other end, both ways."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for cable in layout.cables:
        ends = _ends(cable)
        found |= {ends[0]: ends[1], ends[1]: ends[0]}
    return found


def _ends(cable: Cable) -> tuple[tuple[str, str], tuple[str, str]]:
    return (cable.one.space, cable.one.device), (cable.other.space, cable.other.device)
