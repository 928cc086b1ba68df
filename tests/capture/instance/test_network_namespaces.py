"""The device of an ENI in a pod's or a task's network namespace is found by its MAC, captured on, and said to be whose:
real namespaces, nsenter and tcpdump."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from vpcshark.capture.instance import network_namespaces, tcpdump_process
from vpcshark.errors import InputError
from vpcshark.transport.local import LocalChannel, LocalTransport

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


class Inside:
    """A transport into the namespace of an instance; ``before`` goes before each shell."""

    name = "ssh ec2-user@node"

    def __init__(self, namespace: str, *before: str) -> None:
        self._enter = ["ip", "netns", "exec", namespace, *before, "sh", "-c"]
        self._local = LocalTransport()

    def open(self, command: Sequence[str]) -> LocalChannel:
        return self._local.open([*self._enter, shlex.join(command)])

    def close(self) -> None:
        self._local.close()


@dataclass(frozen=True)
class Node:
    """An instance and two network namespaces on it: one of a pod, which has a process, and one that has none."""

    name: str
    pod: str
    spare: str
    macs: dict[str, str]


def ip(*commands: str) -> None:
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Each namespace has a device "eth0" with a MAC of its own, and the node one as of a branch (a veth
    stands for it: not every kernel has VLANs)."""
    mark = secrets.token_hex(3)
    names = [f"t{mark}-{kind}" for kind in ("node", "pod", "spare")]
    macs = {
        kind: f"0a:{secrets.token_hex(1)}:{mark[:2]}:{mark[2:4]}:{mark[4:]}:0{n}"
        for n, kind in enumerate(("pod", "spare", "branch"))
    }
    here, pod, spare = names
    try:
        ip(*(f"netns add {name}" for name in names))
        for kind, name, number in (("pod", pod, 1), ("spare", spare, 2)):
            ip(
                f"-n {here} link add name to-{kind} type veth peer name eth0 address {macs[kind]} netns {name}",
                f"-n {here} addr add 10.9.{number}.1/24 dev to-{kind}",
                f"-n {here} link set to-{kind} up",
                f"-n {name} addr add 10.9.{number}.2/24 dev eth0",
                f"-n {name} link set eth0 up",
            )
        ip(f"-n {here} link add name vlan.eth.7 address {macs['branch']} type veth peer name behind")
        ip(f"-n {here} link set vlan.eth.7 up")
        pause = [
            "ip",
            "netns",
            "exec",
            pod,
            "unshare",
            "--uts",
            "sh",
            "-c",
            "hostname web-7d9f-x2x; echo; exec sleep 999",
        ]
        with subprocess.Popen(pause, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            yield Node(here, pod, spare, macs)
            process.kill()
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@as_root
@pytest.mark.parametrize(
    ("kind", "address", "whose"), [("pod", "10.9.1.2", "web-7d9f-x2x"), ("spare", "10.9.2.2", "-spare")]
)
def test_packets_of_a_pod_are_captured_in_its_namespace(node: Node, kind: str, address: str, whose: str) -> None:
    """Its own packets alone, though every namespace has a device of that name."""
    running = tcpdump_process.Dump(Inside(node.name), tcpdump_process.Wanted(node.macs[kind], "icmp"))
    try:
        blocks = running.begin()
        assert whose in running.whose
        for there in ("10.9.1.2", "10.9.2.2"):
            ping = ["ip", "netns", "exec", node.name, "ping", "-c", "2", "-i", "0.2", there]
            subprocess.run(ping, check=True, capture_output=True)
        running.ask_to_end()
        while more := running.read():
            blocks += more
    finally:
        running.close(30.0)
    other = {"10.9.1.2": "10.9.2.2", "10.9.2.2": "10.9.1.2"}[address]
    assert blocks.count(bytes(map(int, address.split(".")))) == 4
    assert bytes(map(int, other.split("."))) not in blocks


@as_root
def test_a_branch_on_the_node_itself_is_found_there(node: Node) -> None:
    """The VPC CNI makes a VLAN device that has the branch's MAC address."""
    assert tcpdump_process.ask(Inside(node.name)).interface(node.macs["branch"]) == "vlan.eth.7"


@as_root
def test_what_is_nowhere_is_said(node: Node) -> None:
    """Root has looked everywhere."""
    with pytest.raises(InputError, match="no network interface there has the ENI's MAC address 0a:ff:") as caught:
        tcpdump_process.Dump(Inside(node.name), tcpdump_process.Wanted("0a:ff:ff:ff:ff:fe"))
    assert "container" not in caught.value.problem


@as_root
def test_without_root_it_is_said_where_it_may_be(node: Node) -> None:
    """Others cannot look into a container."""
    plain = Inside(node.name, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with pytest.raises(InputError, match="may be in a container, where only root can look"):
        tcpdump_process.Dump(plain, tcpdump_process.Wanted(node.macs["pod"]))


@as_root
def test_a_namespace_that_has_gone_is_not_taken_for_another(node: Node) -> None:
    """A process id may be another's by then."""
    gone = network_namespaces.Place(f"/run/netns/{node.pod}", "1", "eth0", "")
    done = subprocess.run(gone.enter(["echo", "inside"]), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is gone" in done.stderr
    assert done.stdout == ""


UID = "0b0c6d39-4f61-4b0c-9f0a-3d1f6a4f2c11"
TASK = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("lines", "whose"),
    [
        (
            [f"group:77 0::/kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice/cri-containerd-1.scope"],
            f"the pod ({UID})",
        ),
        (["host:77 web-0", f"group:77 12:pids:/kubepods/burstable/pod{UID}/4f"], f"the pod web-0 ({UID})"),
        ([f"group:77 9:memory:/ecs/{TASK}/{'f' * 64}"], f"the ECS task {TASK}"),
        ([f"group:77 0::/ecstasks.slice/ecstasks-{TASK}.slice/docker-1.scope"], f"the ECS task {TASK}"),
        (["host:77 3f2a9c", "group:77 0::/system.slice/docker-3f2a9c.scope"], "the container 3f2a9c"),
        (["host:77 ip-10-0-0-9", "home:0 ip-10-0-0-9", "group:77 0::/"], "process 4711"),
        (["host:77 \x1b[2Jgone"], "the container �[2Jgone"),
    ],
)
def test_whose_it_is(lines: list[str], whose: str) -> None:
    """By the control group that kubelet, the ECS agent or Docker made, and the host name inside."""
    device = "place:77 /proc/4711/ns/net 3: eth0@if9: <BROADCAST,UP> mtu 9001 \\    link/ether 0a:00:00:00:00:01 brd ff"
    output = "".join(f"motd vpcshark:{line}\n" for line in [device, *lines])
    found = network_namespaces.parse(output.encode())
    assert found == network_namespaces.Place("/proc/4711/ns/net", "77", "eth0", whose)


@pytest.mark.parametrize(
    "line", ["place:77 /proc/1/ns/net nonsense", "place:x /proc/1/ns/net 2: eth0: <>", "home:0 node", ""]
)
def test_what_is_no_place_is_none(line: str) -> None:
    """Of a host that says anything."""
    assert network_namespaces.parse(f"vpcshark:{line}\n".encode()) is None
