"""An interface of the lab's VPC that is on no instance, as AWS's services have them, with a machine that really talks:
a namespace of its own at the fabric's bridge, whose port tells of each packet (``firewall.log_rule``).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from hands import Lab, wait_until

from vpcshark.lab.flow_records.packets import ACCEPT, EGRESS, INGRESS, REJECT
from vpcshark.lab.vpc.firewall import log_rule
from vpcshark.lab.vpc.packet_log import GROUP

OPEN, SHUT = 5432, 5433
"""Ports: one that answers, and one that is rejected before anything is asked."""
TALK = """
import socket, sys
target, first, count, goal = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
for port in range(first, first + count):
    with socket.socket() as sock:
        sock.settimeout(0.5 if goal == 5433 else 60)  # where it is shut nobody answers
        sock.bind(("", port))
        try:
            sock.connect((target, goal))
            sock.sendall(b"x" * 1000)
            sock.recv(10)
        except OSError:
            pass
"""
SERVE = """
import socket
with socket.create_server(("0.0.0.0", 5432)) as server:
    print("up", flush=True)
    while True:
        with server.accept()[0] as each:
            each.recv(65536)
            each.sendall(b"yes")
"""


@dataclass(frozen=True)
class Loose:
    """One of them."""

    lab: Lab
    eni: str
    address: str

    def talk(self, first: int, count: int, goal: int = OPEN) -> None:
        """So many connections from web-1, from ports beginning with ``first``."""
        command = [sys.executable, "-c", TALK, self.address, str(first), str(count), str(goal)]
        subprocess.run([*self.lab.namespace("web-1"), *command], check=True, timeout=180)


@contextmanager
def loose(lab: Lab, number: int, kind: str, description: str) -> Iterator[Loose]:
    """It is there in the block; ``kind`` as EC2 calls it, in web-1's subnet."""
    from vpcshark.lab.control import LabControl

    ec2, subnet = lab.client(), lab.eni("web-1")["SubnetId"]
    made = ec2.create_network_interface(SubnetId=subnet, Description=description)["NetworkInterface"]
    eni, mac, address = made["NetworkInterfaceId"], made["MacAddress"], made["PrivateIpAddress"]
    LabControl(lab.environment["AWS_ENDPOINT_URL"]).describe_eni(eni, interface_type=kind, is_managed=True)
    name, fabric, port = f"{lab.name}-loose{number}", f"{lab.name}-vpc", f"q{number}"
    router = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["CidrBlock"].replace(".0/24", ".1")
    with ExitStack() as undo:
        undo.callback(ec2.delete_network_interface, NetworkInterfaceId=eni)
        _run("ip", "netns", "add", name)
        undo.callback(_run, "ip", "netns", "del", name)
        veth = f"link add eth0 mtu 9001 address {mac} netns {name} type veth peer name {port} mtu 9001 netns {fabric}"
        _run("ip", *veth.split())
        undo.callback(_run, "ip", "-n", fabric, "link", "del", port)
        _run("ip", "-n", fabric, "link", "set", port, "master", "br0", "up")
        _run("bridge", "-n", fabric, "fdb", "replace", mac, "dev", port, "master", "static")
        for words in ("link set lo up", "link set eth0 up", f"addr add {address}/24 dev eth0"):
            _run("ip", "-n", name, *words.split())
        _run("ip", "-n", name, "route", "add", "default", "via", router)
        _run("ip", "netns", "exec", fabric, "nft", _rules(number, port, eni))
        undo.callback(_run, "ip", "netns", "exec", fabric, "nft", f"delete table netdev loose{number}")
        server = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True
        )
        undo.callback(_end, server)
        assert server.stdout is not None
        assert server.stdout.readline() == "up\n"
        yield Loose(lab, eni, address)


def _rules(number: int, port: str, eni: str) -> str:
    """All that comes and goes is told; one port is shut."""
    table = f"netdev loose{number}"
    no, yes = (log_rule(GROUP, eni, INGRESS, verdict) for verdict in (REJECT, ACCEPT))
    lines = [
        f"add table {table}",
        f'add chain {table} in {{ type filter hook egress device "{port}" priority 0; }}',
        f'add chain {table} out {{ type filter hook ingress device "{port}" priority 0; }}',
        f"add rule {table} in tcp dport {SHUT} {no} drop",
        f"add rule {table} in meta protocol ip {yes} accept",
        f"add rule {table} out meta protocol ip {log_rule(GROUP, eni, EGRESS, ACCEPT)} accept",
    ]
    return "; ".join(lines)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def await_bytes(lab: Lab, group: str, eni: str, records: int) -> list[str]:
    """The lines of an interface's stream, once so many of them are of flows."""
    logs = lab.client("logs")
    found: list[str] = []

    def have_come() -> bool:
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return False
        events = logs.filter_log_events(logGroupName=group, logStreamNames=[f"{eni}-all"])["events"]
        found[:] = [each["message"] for each in events if each["message"].endswith(" OK")]
        return len(found) >= records

    try:
        wait_until(have_come, f"{records} records of {eni} are delivered")
    except BaseException:
        sys.stdout.write("\n".join(found))
        raise
    return found
