"""Ten stories of why A can't reach B: a network each, a fault that is planted in it, what its packets do.

Truth is what a namespace's own programs see before the fault's mend and after it. Must not know what vpcshark says.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import certificates
from hands import Lab, wait_until
from inspecting import FIREWALL, inspected
from mending import run as run_command

Raw = dict[str, Any]
SERVER, CLIENT = "10.2.0.20", "10.1.0.10"


@dataclass
class Stage:
    """A running lab with a story in it."""

    lab: Lab
    folder: Path
    tls: subprocess.Popen[str] = field(init=False)
    holder: subprocess.Popen[str] = field(init=False)
    seconds: float = 0

    @property
    def ec2(self) -> Any:
        """A client that nothing binds."""
        return self.lab.client()

    def aws(self, command: str) -> None:
        """Run a command line of the AWS CLI."""
        run_command(command, self.lab.client)

    def space(self, name: str) -> list[str]:
        """The words before a command that is to run in a namespace of the lab."""
        return self.lab.namespace(name)

    def inside(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in one."""
        return subprocess.run([*self.space(name), *command], capture_output=True, text=True, check=False, timeout=60)

    def must(self, name: str, *command: str) -> None:
        """One that has to work."""
        done = self.inside(name, *command)
        assert done.returncode == 0, done.stderr

    def serve(self, name: str, *command: str, port: int) -> subprocess.Popen[str]:
        """A service in a namespace; returns when somebody listens."""
        made = self.lab.start(*self.space(name), *command, stdin=subprocess.DEVNULL, cwd=self.folder)
        wait_until(lambda: f":{port} " in self.inside(name, "ss", "-Hltun").stdout, f"{name} serves {port}")
        return made

    def end(self, process: subprocess.Popen[str]) -> None:
        """A service that is to be another one."""
        process.kill()
        process.communicate(timeout=60)
        self.lab.started.remove(process)

    def keep_trying(self, name: str, *command: str) -> subprocess.Popen[str]:
        """The application that does not get through: it tries again and again."""
        loop = 'while :; do "$@" >/dev/null 2>&1; sleep 0.3; done'
        return self.lab.start(*self.space(name), "sh", "-c", loop, "sh", *command, stdin=subprocess.DEVNULL)

    def curl(self, name: str, url: str, *more: str, seconds: float = 3) -> int:
        """curl's status; 28: it timed out, 7: refused, 60: the certificate."""
        return self.inside(name, "curl", "--silent", "--max-time", str(seconds), *more, url).returncode

    def named(self, kind: str, name: str) -> str:
        """The id of a resource by its Name: ("route_tables", "left")."""
        rows = getattr(self.ec2, f"describe_{kind}")(Filters=[{"Name": "tag:Name", "Values": [name]}])
        (found,) = next(value for key, value in rows.items() if key != "ResponseMetadata")
        return str(next(value for key, value in found.items() if key.endswith("Id") and key in _IDS))

    def eni(self, name: str) -> str:
        """Of an instance."""
        return str(self.lab.eni(name)["NetworkInterfaceId"])


_IDS = ("RouteTableId", "GroupId", "NetworkAclId", "TransitGatewayRouteTableId", "NatGatewayId", "InstanceId")


@dataclass(frozen=True)
class Story:
    """``works``: does the application get through now? ``plant`` breaks it; ``mend`` does what is printed, which it is
    handed. ``kind``: the conclusion's class. ``hop``: who is to be named, as an id or a word. ``is_proved``: packets
    or rules leave no doubt. ``tries``: what the application does meanwhile; else, or where it ``probes`` as well, a
    test connection is made."""

    name: str
    network: Callable[[], Raw]
    plant: Callable[[Stage], None]
    works: Callable[[Stage], bool]
    kind: str
    hop: Callable[[Stage], str]
    mend: Callable[[Stage, str], None]
    words: Sequence[str] = ("client", "server:80")
    is_proved: bool = True
    tries: Callable[[Stage], Sequence[str]] | None = None
    probes: bool = False

    def __str__(self) -> str:
        return self.name


def by_command(stage: Stage, mend: str) -> None:
    """It is a command line."""
    assert mend.startswith("aws "), mend
    stage.aws(mend)


def talk(*, inbound: Sequence[str] = ("tcp 80 left", "tcp 443 left", "udp 53 left", "icmp left")) -> Raw:
    """The talk's: a transit gateway whose attachments stand in the subnets of client and server; a capture host."""
    names = ["left", "right"]
    vpcs: Raw = {
        "left": {
            "cidr": "10.1.0.0/16",
            "subnets": {"left": {"cidr": "10.1.0.0/24", "table": "left", "acl": "left"}},
            "tables": {"left": {"right": "tgw/main"}},
            "acls": {"left": {"in": ["100 allow all 0.0.0.0/0"], "out": ["100 allow all 0.0.0.0/0"]}},
            "groups": {"client": {}, "capture": {"in": ["udp 4789 10.0.0.0/8"]}},
        },
        "right": {
            "cidr": "10.2.0.0/16",
            "subnets": {"right": {"cidr": "10.2.0.0/24", "table": "right"}},
            "tables": {"right": {"left": "tgw/main"}},
            "groups": {"server": {"in": list(inbound)}},
        },
    }
    attachments = {each: {"vpc": each, "subnets": [each]} for each in names}
    tables = {"main": {"associations": names, "propagations": names}}
    instances: Raw = {
        "client": {"subnet": "left", "address": CLIENT, "groups": ["client"]},
        "capture": {"subnet": "left", "address": "10.1.0.40", "groups": ["capture"], "captures": True},
        "server": {"subnet": "right", "address": SERVER, "groups": ["server"]},
    }
    return {
        "vpcs": vpcs,
        "transit_gateways": {"main": {"attachments": attachments, "tables": tables}},
        "instances": instances,
    }


def web(stage: Stage, port: int = 80) -> None:
    """A web server at the server."""
    stage.serve("server", sys.executable, "-m", "http.server", str(port), port=port)


def gets(stage: Stage) -> bool:
    """Does curl get a page?"""
    return stage.curl("client", f"http://{SERVER}/") == 0


def _no_route(stage: Stage) -> None:
    web(stage)
    table = stage.named("route_tables", "left")
    stage.ec2.delete_route(RouteTableId=table, DestinationCidrBlock="10.2.0.0/16")


def _layer_8(stage: Stage) -> None:
    web(stage, 8080)


def _start_there(stage: Stage, mend: str) -> None:
    """The mend says to look who listens: nobody at 80, somebody at 8080, who is moved."""
    assert "ss -ltn" in mend
    listed = stage.inside("server", "ss", "-Hltn").stdout
    assert ":8080 " in listed
    assert ":80 " not in listed
    web(stage)


def returning() -> Raw:
    """The talk's, with a peering of the server's VPC with an older network."""
    raw = talk()
    raw["vpcs"]["old"] = {"cidr": "10.3.0.0/16", "subnets": {"old": {"cidr": "10.3.0.0/24"}}}
    raw["peerings"] = {"old": ["right", "old"]}
    return raw


def _wrong_return(stage: Stage) -> None:
    """Left from a migration: the client's subnet by the peering."""
    web(stage)
    peering = stage.ec2.describe_vpc_peering_connections()["VpcPeeringConnections"][0]["VpcPeeringConnectionId"]
    table = stage.named("route_tables", "right")
    stage.ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/24", VpcPeeringConnectionId=peering)


def apart() -> Raw:
    """The talk's, with the attachments in subnets of their own, so that the hosts' network ACLs hold both ways."""
    raw = talk()
    for number, name in enumerate(("left", "right"), 1):
        raw["vpcs"][name]["subnets"][f"gate-{name}"] = {"cidr": f"10.{number}.9.0/28"}
        raw["transit_gateways"]["main"]["attachments"][name]["subnets"] = [f"gate-{name}"]
    return raw


def _no_ephemeral(stage: Stage) -> None:
    """The client's subnet lets in web traffic alone: no answers."""
    web(stage)
    acl = stage.named("network_acls", "left")
    stage.ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    for number, port in ((100, 80), (110, 443)):
        stage.ec2.create_network_acl_entry(
            NetworkAclId=acl,
            RuleNumber=number,
            Protocol="6",
            RuleAction="allow",
            Egress=False,
            CidrBlock="0.0.0.0/0",
            PortRange={"From": port, "To": port},
        )


_DNS = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 53))
address = bytes([192, 0, 2, 7])
while True:
    data, who = sock.recvfrom(4096)
    code = int(open(sys.argv[1]).read())
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + address if not code else b""
    end = data.index(b"\\0", 12) + 5
    head = data[:2] + bytes([0x81, 0x80 | code, 0, 1, 0, 1 if answer else 0, 0, 0, 0, 0])
    sock.sendto(head + data[12:end] + answer, who)
"""
_ASK = """
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(2)
name = b"".join(bytes([len(each)]) + each for each in b"shop.example".split(b"."))
sock.sendto(b"\\x13\\x37\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name + b"\\0\\0\\1\\0\\1", (sys.argv[1], 53))
sys.exit(sock.recv(4096)[3] & 15)
"""
ASK = (sys.executable, "-c", _ASK, SERVER)


def _dns_refused(stage: Stage) -> None:
    """The server lets only its own network ask."""
    (stage.folder / "code").write_text("5")
    stage.serve("server", sys.executable, "-c", _DNS, str(stage.folder / "code"), port=53)


def _resolves(stage: Stage) -> bool:
    return stage.inside("client", *ASK).returncode == 0


def _let_ask(stage: Stage, mend: str) -> None:
    assert "access list" in mend
    (stage.folder / "code").write_text("0")


def secure(stage: Stage, file: Path, *more: str) -> subprocess.Popen[str]:
    """A TLS server that answers with a page."""
    command = ["openssl", "s_server", "-accept", "443", "-cert", str(file), "-key", str(file), "-www", "-quiet", *more]
    return stage.serve("server", *command, port=443)


def _gets_securely(stage: Stage, *more: str) -> bool:
    """curl checks the certificate by the authority that made it."""
    return stage.curl("client", f"https://{SERVER}/", "--cacert", str(stage.folder / "ca.pem"), *more) == 0


def _certificate(stage: Stage, first: int, last: int, size: int = 2048) -> Path:
    """The server's, good from ``first`` to ``last``, in days from now; the authority's in ca.pem."""
    file, authority = certificates.made(SERVER, first, last, size)
    (stage.folder / "ca.pem").write_bytes(authority)
    (stage.folder / "server.pem").write_bytes(file)
    return stage.folder / "server.pem"


def _expired(stage: Stage) -> None:
    stage.tls = secure(stage, _certificate(stage, -60, -3), "-tls1_2")


def _renew(stage: Stage, mend: str) -> None:
    assert "Renew the certificate" in mend
    stage.end(stage.tls)
    secure(stage, _certificate(stage, -1, 90), "-tls1_2")


def outside() -> Raw:
    """A private subnet behind a NAT gateway, and a service beyond."""
    return {
        "vpcs": {
            "c": {
                "cidr": "10.0.0.0/16",
                "subnets": {
                    "public": {"cidr": "10.0.8.0/24", "table": "public"},
                    "private": {"cidr": "10.0.142.0/24", "table": "private"},
                },
                "tables": {"public": {"0.0.0.0/0": "igw/out"}, "private": {"0.0.0.0/0": "nat/out"}},
                "groups": {"client": {}, "capture": {"in": ["udp 4789 10.0.0.0/8"]}},
            }
        },
        "internet_gateways": {"out": "c"},
        "nat_gateways": {"out": {"subnet": "public", "address": "10.0.8.143", "public": "203.0.113.7"}},
        "instances": {
            "client": {"subnet": "private", "address": "10.0.142.154", "groups": ["client"]},
            "capture": {"subnet": "private", "address": "10.0.142.40", "groups": ["capture"], "captures": True},
        },
        "internet": {"54.0.0.7": {}, "54.0.0.8": {}},
    }


SERVICE = "54.0.0.7"
_ECHO = """
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True
Server(("0.0.0.0", 5000), Echo).serve_forever()
"""
_HOLD = """
import socket, struct, sys, time
held = []
for _ in range(6):
    sock = socket.create_connection((sys.argv[1], 5000), 5)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    held.append(sock)
print("held", flush=True)
while True:
    for sock in held:
        sock.sendall(b"still there")
        sock.recv(100)
    time.sleep(0.4)
"""
_KNOCK = """
import socket, sys
with socket.create_connection((sys.argv[1], 5000), 3) as sock:
    sock.sendall(b"hello")
    sys.exit(sock.recv(5) != b"hello")
"""


def _ports_used_up(stage: Stage) -> None:
    """A NAT gateway with six ports instead of 55,000 for a destination, and an application that holds six."""
    stage.serve("internet-internet", sys.executable, "-c", _ECHO, port=5000)
    rules = stage.inside("nat-out", "nft", "list", "chain", "inet", "lab", "leaving").stdout
    assert "1024-65535" in rules
    stage.must("nat-out", "nft", "flush", "chain", "inet", "lab", "leaving")
    narrow = ("ip", "protocol", "tcp", "snat", "ip", "to", "10.0.8.143:40000-40005")
    stage.must("nat-out", "nft", "add", "rule", "inet", "lab", "leaving", *narrow)
    stage.must("nat-out", "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_timeout_close=1")
    stage.holder = stage.lab.start(*stage.space("client"), sys.executable, "-c", _HOLD, SERVICE)
    assert stage.holder.stdout is not None
    assert stage.holder.stdout.readline() == "held\n"


def _knocks(stage: Stage, there: str = SERVICE) -> bool:
    return stage.inside("client", sys.executable, "-c", _KNOCK, there).returncode == 0


def _close_idle(stage: Stage, mend: str) -> None:
    """Two of three things that are named: others' ports are free at another destination, and idle ones are closed."""
    assert "spread the destinations" in mend
    assert "close idle connections" in mend
    assert _knocks(stage, "54.0.0.8")
    stage.end(stage.holder)
    wait_until(lambda: _knocks(stage), "a port is free again")


def hybrid() -> Raw:
    """A data centre behind a transit gateway: its edge router stands between its client and the gateway."""
    raw = talk()
    left = raw["vpcs"]["left"]
    left["subnets"] = {
        "left": {"cidr": "10.1.0.0/24", "table": "left", "acl": "left"},
        "edge": {"cidr": "10.1.1.0/24", "table": "edge"},
        "gate": {"cidr": "10.1.2.0/28", "table": "gate"},
    }
    left["tables"] = {
        "left": {"right": "instance/edge"},
        "edge": {"right": "tgw/main"},
        "gate": {"left": "tgw/main", "10.1.0.0/24": "instance/edge"},
    }
    left["tables"]["gate"].pop("left")
    left["groups"]["edge"] = {"in": ["all 10.0.0.0/8"]}
    raw["transit_gateways"]["main"]["attachments"]["left"]["subnets"] = ["gate"]
    raw["instances"]["edge"] = {"subnet": "edge", "address": "10.1.1.5", "groups": ["edge"], "forwards": True}
    return raw


def _hide_1500(stage: Stage) -> None:
    """The edge forwards 1,500 bytes and says nothing of what is longer."""
    for rule in ("ip length > 1500 drop",):
        stage.must("edge", "nft", "add", "table", "inet", "edge")
        hook = "{ type filter hook forward priority 0; }"
        stage.must("edge", "nft", f"add chain inet edge forward {hook}")
        stage.must("edge", "nft", f"add rule inet edge forward {rule}")
    stage.tls = secure(stage, _certificate(stage, -1, 90, 8192))


def _lower_mtu(stage: Stage, mend: str) -> None:
    """On the server's interface, to what passes."""
    assert "MTU" in mend
    assert "1500" in mend
    stage.must("server", "ip", "link", "set", "eth0", "mtu", "1500")


def zones() -> Raw:
    """A client in zone a, a server in zone b, and between them a VPC with a firewall in each zone; its capture host is
    behind none of them."""
    raw = inspected()
    for name in ("left", "right"):
        raw["vpcs"][name]["tables"][name]["middle"] = "tgw/main"
    raw["vpcs"]["middle"]["groups"]["capture"] = {"in": ["udp 4789 10.0.0.0/8"]}
    raw["instances"]["capture"] = {"subnet": "wall-a", "address": "10.3.0.40", "groups": ["capture"], "captures": True}
    return raw


def _stateful(stage: Stage) -> None:
    """The firewalls let on what they have seen begin, and each way of a connection goes over another one."""
    for name in ("wall-a", "wall-b"):
        (stage.folder / "firewall.nft").write_text(FIREWALL)
        stage.must(name, "nft", "-f", str(stage.folder / "firewall.nft"))


def _gets_through(stage: Stage) -> bool:
    return stage.curl("client", "http://10.2.2.20/") == 0


def _middle(stage: Stage) -> str:
    """The attachment of the VPC with the firewalls: they forward, so nobody checks whose packets they are."""
    unchecked = [
        {"Name": "source-dest-check", "Values": ["false"]},
        {"Name": "interface-type", "Values": ["interface"]},
    ]
    (vpc,) = {each["VpcId"] for each in stage.ec2.describe_network_interfaces(Filters=unchecked)["NetworkInterfaces"]}
    attachments = stage.ec2.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"]
    return next(str(each["TransitGatewayAttachmentId"]) for each in attachments if each["VpcId"] == vpc)


def _appliance_mode(stage: Stage, mend: str) -> None:
    """It must hold for every connection, whichever zone its hash gives."""
    by_command(stage, mend)
    assert all(_gets_through(stage) for _ in range(12))


def _id(kind: str, name: str) -> Callable[[Stage], str]:
    return lambda stage: stage.named(kind, name)


def _word(text: str) -> Callable[[Stage], str]:
    return lambda stage: text


TLS = ("client", "server:443")
STORIES = [
    Story("no route", talk, _no_route, gets, "NO_ROUTE_TO_DESTINATION", _id("route_tables", "left"), by_command),
    Story(
        "server's group",
        partial(talk, inbound=("tcp 443 left", "icmp left")),
        web,
        gets,
        "ENI_SG_RULES_MISMATCH",
        _id("security_groups", "server"),
        by_command,
    ),
    Story("layer 8", talk, _layer_8, gets, "refused", _word(f"{SERVER}:80"), _start_there),
    Story(
        "black hole",
        hybrid,
        _hide_1500,
        _gets_securely,
        "pmtu-black-hole",
        _word("1500"),
        _lower_mtu,
        TLS,
        tries=lambda stage: ("curl", "--cacert", str(stage.folder / "ca.pem"), "-sm6", f"https://{SERVER}/"),
        probes=True,
    ),
    Story(
        "NAT ports",
        outside,
        _ports_used_up,
        _knocks,
        "nat-ports-exhausted",
        _id("nat_gateways", "out"),
        _close_idle,
        ("client", f"{SERVICE}:5000"),
        tries=lambda stage: ("sh", "-c", '"$@" & "$@" & "$@" & wait', "sh", sys.executable, "-c", _KNOCK, SERVICE),
    ),
    Story(
        "wrong return route",
        returning,
        _wrong_return,
        gets,
        "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
        _id("route_tables", "right"),
        by_command,
    ),
    Story(
        "DNS refused",
        talk,
        _dns_refused,
        _resolves,
        "dns-refused",
        _word(SERVER),
        _let_ask,
        ("client", "server:53", "--protocol", "udp"),
        tries=lambda stage: ASK,
    ),
    Story(
        "TLS expired",
        talk,
        _expired,
        _gets_securely,
        "tls-expired",
        _word(SERVER),
        _renew,
        TLS,
        tries=lambda stage: ("curl", "--cacert", str(stage.folder / "ca.pem"), "-sm3", f"https://{SERVER}/"),
    ),
    Story(
        "ephemeral ports",
        apart,
        _no_ephemeral,
        gets,
        "SUBNET_ACL_RESTRICTION",
        _id("network_acls", "left"),
        by_command,
    ),
    Story(
        "asymmetric zones",
        zones,
        _stateful,
        _gets_through,
        "TRANSIT_GATEWAY_APPLIANCE_MODE_RECOMMENDED",
        _middle,
        _appliance_mode,
        is_proved=False,
        tries=lambda stage: ("curl", "-sm3", "http://10.2.2.20/"),
    ),
]


_PROXY = """
import http.server, sys, urllib.request
class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status = 200
        for service in sys.argv[1:]:
            try:
                urllib.request.urlopen(f"http://{service}:8080/", timeout=1.5).read()
            except OSError:
                status = 504
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
http.server.ThreadingHTTPServer(("0.0.0.0", 80), Proxy).serve_forever()
"""
STOCK, PRICES = "10.2.0.31", "10.2.0.32"


def shop() -> Raw:
    """The talk's: the server is a proxy, with two services behind it."""
    raw = talk(inbound=["tcp 80 left", "tcp 8080 right", "icmp left"])
    for name, address in (("stock", STOCK), ("prices", PRICES)):
        raw["instances"][name] = {"subnet": "right", "address": address, "groups": ["server"]}
    return raw


def lose_data(stage: Stage) -> None:
    """Of one service's data four packets in five are lost, each way; connections open."""
    for name in ("stock", "prices"):
        stage.serve(name, sys.executable, "-m", "http.server", "8080", port=8080)
    stage.serve("server", sys.executable, "-c", _PROXY, STOCK, PRICES, port=80)
    stage.must("prices", "nft", "add", "table", "inet", "worn")
    for hook, way in (("input", "dport"), ("output", "sport")):
        stage.must("prices", "nft", f"add chain inet worn {hook} {{ type filter hook {hook} priority 0; }}")
        rule = f"tcp {way} 8080 tcp flags & (syn|fin|rst) == 0 ip length > 60 numgen random mod 10 < 8 drop"
        stage.must("prices", "nft", f"add rule inet worn {hook} {rule}")


def mend_data(stage: Stage) -> None:
    """No more."""
    stage.must("prices", "nft", "delete", "table", "inet", "worn")


def status_of(stage: Stage) -> str:
    """What the proxy says to a client."""
    return stage.inside("client", "curl", "-so", "/dev/null", "-w", "%{http_code}", f"http://{SERVER}/").stdout


def fleet(count: int) -> Raw:
    """Web servers behind a Network Load Balancer, and a capture host whose size lets it have as many sources."""
    names = [f"web-{number:02}" for number in range(count)]
    groups = {
        "client": {},
        "web": {"in": ["tcp 80 10.4.0.0/16", "icmp 10.4.0.0/16"]},
        "capture": {"in": ["udp 4789 10.4.0.0/16"]},
    }
    subnets = {"front": {"cidr": "10.4.0.0/24"}, "back": {"cidr": "10.4.1.0/24"}}
    big = {"subnet": "back", "address": "10.4.1.200", "groups": ["capture"], "captures": True, "type": "m6i.32xlarge"}
    webs = {
        name: {"subnet": "back", "address": f"10.4.1.{10 + number}", "groups": ["web"], "serves": ["tcp 80"]}
        for number, name in enumerate(names)
    }
    return {
        "vpcs": {"shop": {"cidr": "10.4.0.0/16", "subnets": subnets, "groups": groups}},
        "load_balancers": {"front": {"subnets": ["front"], "listeners": {"tcp 80": {"targets": names}}}},
        "instances": {
            "client": {"subnet": "front", "address": "10.4.0.10", "groups": ["client"]},
            "capture": big,
            **webs,
        },
    }
