"""Accounts that mean ill: what whoever may tag, name and describe things in an account can write there, and the
world that has each of these texts in each place. Must not know the product but for the names of its tags, which are
public."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

ESCAPES = "\x1b]0;owned\x07\x1b[31mred"
_LONGEST_KEY = 128  # characters of a tag's key (EC2 User Guide, "Tag restrictions")
TEXTS = {  # XML has no C0 but tab and line ends, so that AWS cannot send others
    "C1": "\u009d0;owned\u009c\u009b31mred\u0085next",
    "bidi": "\u202egnp.exe\u2066\u200f",
    "line ends": "one\r\ntwo\u2028three",
    "markup that is not closed": "[/x]",
    "markup of a link": "[link=http://evil.example]click[/link]",
    "markup of a style": "[bold red on white]",
    "an extcap sentence": "x}{default=true}\ninterface {value=evil}{display=evil}",
    "a shell command": "$(touch${IFS}owned)`touch owned`;touch owned",
    "ssh tokens": "%h%%%n%C",
    "an option": "-oProxyCommand=touch owned",
    "a path": "../../../../owned",
    "a path of the root": "/tmp/owned",
    "quotes": "'\"'\"\\'",
    "255 wide characters": "\U0001f980" * 200,
    "combining characters": "e" + "\u0301" * 250,
    "a number": "99999999999999999999",
    "a date": "9999-12-31T23:59:59Z",
    "a date that is none": "2020-13-45T99:99:99Z",
    "nothing": "",
    "a blank": " ",
    "a format": "{0.__class__}%s%n%(x)d",
    "no character": "\ufdd0\u00ad\ufeff",
    "a formula": '=HYPERLINK("http://evil.example","x")',
}
CAPTURE, OWNER, EXPIRES, STARTED = (f"vpcshark:{name}" for name in ("capture", "owner", "expires", "started"))


def consoles(key: str) -> dict[str, str]:
    """What instances print at boot; ``key`` is "TYPE BLOB" of the host key that is shown."""
    block = "-----BEGIN SSH HOST KEY KEYS-----\n{}\n-----END SSH HOST KEY KEYS-----\n"
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOxbkxbUUbr4pqYXpnqF9wcEnTd7qbXGnb9M7P9hbxI3"
    return {
        "escape sequences": "boot " + ESCAPES + TEXTS["C1"] * 100,
        "a block inside a line": f"sshd: Invalid user {block.format(key)!r} from 10.0.0.9",
        "a block in a log line": f"app[1]: {block.format(key)}",
        "two blocks that differ": block.format(key) + block.format(other),
        "a foreign line in the block": block.format(f"{other}\nlogin: {key}\n"),
        "a block without an end": f"-----BEGIN SSH HOST KEY KEYS-----\n{key}\n" * 3,
        "ten thousand blocks": block.format(other) * 10_000,
        "a key of a megabyte": block.format("ssh-rsa " + "A" * 1_000_000),
        "a key of escape sequences": block.format("ssh-\x1b[31m AAAA"),
    }


@dataclass
class World:
    """An account in which everything is named badly. ``sources``: text's name -> an ENI whose instance bears it;
    ``bystanders``: tagged things that no capture made."""

    ec2: Any
    sources: dict[str, str] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)
    macs: dict[str, str] = field(default_factory=dict)
    sessions: list[str] = field(default_factory=list)

    def live(self) -> tuple[set[str], set[str]]:
        """(instances that run, mirror sessions that are there)."""
        found = [one for r in self.ec2.describe_instances()["Reservations"] for one in r["Instances"]]
        sessions = self.ec2.describe_traffic_mirror_sessions()["TrafficMirrorSessions"]
        running = {one["InstanceId"] for one in found if one["State"]["Name"] == "running"}
        return running, {one["TrafficMirrorSessionId"] for one in sessions}


def build(ec2: Any) -> World:
    """A VPC, its subnet and group, an instance and an ENI for each text, and mirror resources that claim to be ours."""
    world, texts = World(ec2), itertools.cycle(TEXTS.values())
    vpc = ec2.create_vpc(CidrBlock="10.66.0.0/16", TagSpecifications=_tags("vpc", Name=next(texts)))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.66.1.0/24", TagSpecifications=_tags("subnet", Name=next(texts)))
    group = ec2.create_security_group(
        GroupName=TEXTS["markup that is not closed"], Description=TEXTS["bidi"], VpcId=vpc
    )
    everyone = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.66.0.0/16", "Description": TEXTS["C1"]}]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[everyone])
    for number, (name, text) in enumerate(TEXTS.items()):
        place = (subnet["Subnet"]["SubnetId"], f"10.66.1.{number + 10}", group["GroupId"])
        _instance(world, name, text, place)
    for name, text in TEXTS.items():
        spare = ec2.create_network_interface(SubnetId=subnet["Subnet"]["SubnetId"], Groups=[group["GroupId"]])
        _mirror(world, world.sources[name], spare["NetworkInterface"]["NetworkInterfaceId"], text)
    return world


def _instance(world: World, name: str, text: str, place: tuple[str, str, str]) -> None:
    subnet, address, group = place
    eni = world.ec2.create_network_interface(
        SubnetId=subnet,
        PrivateIpAddress=address,
        Groups=[group],
        Description=text,
        TagSpecifications=_tags("network-interface", Name=text, **{(text or "empty")[:_LONGEST_KEY]: text}),
    )["NetworkInterface"]
    ours = {CAPTURE: text, OWNER: text, EXPIRES: "2020-01-01T00:00:00Z", STARTED: text}
    made = world.ec2.run_instances(
        ImageId="ami-12c6146b",
        InstanceType="m6i.large",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni["NetworkInterfaceId"]}],
        TagSpecifications=_tags("instance", Name=text, **{"vpcshark:ssh-user": text, "vpcshark:host": text}, **ours),
    )["Instances"][0]
    world.sources[name], world.instances[name] = eni["NetworkInterfaceId"], made["InstanceId"]
    world.macs[name] = eni["MacAddress"]


def _mirror(world: World, eni: str, host: str, text: str) -> None:
    """A target, a filter and a session with the text everywhere, tagged as if an expired capture had made them."""
    ec2, ours = world.ec2, {CAPTURE: text, OWNER: text, EXPIRES: "2020-01-01T00:00:00Z", "Name": text}
    described = {"Description": text} if text else {}
    target = ec2.create_traffic_mirror_target(
        NetworkInterfaceId=host, TagSpecifications=_tags("traffic-mirror-target", **ours), **described
    )
    kept = ec2.create_traffic_mirror_filter(TagSpecifications=_tags("traffic-mirror-filter", **ours), **described)
    made = ec2.create_traffic_mirror_session(
        NetworkInterfaceId=eni,
        TrafficMirrorTargetId=target["TrafficMirrorTarget"]["TrafficMirrorTargetId"],
        TrafficMirrorFilterId=kept["TrafficMirrorFilter"]["TrafficMirrorFilterId"],
        SessionNumber=1,
        TagSpecifications=_tags("traffic-mirror-session", **ours),
        **described,
    )
    world.sessions.append(made["TrafficMirrorSession"]["TrafficMirrorSessionId"])


def _tags(kind: str, **tags: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


SENTENCE = re.compile(r"(?:extcap|interface|dlt|arg|value|control) (?:\{[a-zA-Z_-]+=[^{}]*\})+")
LISTED = re.compile(r"interface \{value=(?:eni-[0-9a-f]+|aws-[a-z0-9-]+)\}\{display=[^{}]*\}")


def torn_sentences(out: bytes) -> Iterator[str]:
    """Lines of an extcap's answer that are no sentence as Wireshark's extcap_parser.c reads them, or list what cannot
    be an interface of ours."""
    for line in filter(None, out.decode("utf-8", "replace").split("\n")):
        wanted = LISTED if line.startswith("interface ") else SENTENCE
        if not wanted.fullmatch(line):
            yield line
