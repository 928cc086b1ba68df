"""What the user's words for an end of a walk mean: an interface, an instance, a name, an address, a load balancer, an
endpoint, or the internet.

Must not know how a name is resolved, nor what a walk does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vpcshark.errors import Mistake
from vpcshark.network.facts import Interface
from vpcshark.network.known import Known
from vpcshark.network.packet import contains, is_address, is_internal
from vpcshark.network.trail import INTERNET, End

_ID = re.compile(r"^(eni|i|nat|vpce)-[0-9a-z]+$")
NOWHERE = "address"
"""The kind of an end that no interface has."""


def find(known: Known, text: str, vpc: str = "") -> list[End]:
    """The ends that ``text`` may mean; several only where AWS chooses (the nodes of a load balancer, the interfaces of
    an endpoint). ``vpc`` decides between VPCs. Raises Mistake where it means nothing or too much, Unclear where it must
    be asked."""
    if text.lower() == INTERNET:
        return [End(INTERNET, text)]
    known.want(("end", text))
    if is_address(text):
        return _by_address(known, text, vpc)
    if _ID.match(text):
        return _by_id(known, text)
    return _by_name(known, text, vpc)


def source(known: Known, text: str, vpc: str = "") -> End:
    """The one end where a walk begins. Raises Mistake, Unclear."""
    found = find(known, text, vpc)
    if found[0].kind == NOWHERE:
        raise Mistake(
            f"No network interface and no subnet that was read has the address {text}.",
            "A walk begins at an interface, an instance, an address of one, or the internet.",
        )
    return found[0]


def several(known: Known, text: str, vpc: str = "") -> list[list[End]]:
    """The ends that a selector means, each with those that AWS chooses from: ``tag:KEY=VALUE`` is the first interface
    of each instance, and each interface, that has the tag. Raises Mistake, Unclear."""
    if not text.startswith("tag:"):
        return [find(known, text, vpc)]
    key, _, value = text.removeprefix("tag:").partition("=")
    known.want(("tagged", key, value))
    network = known.network
    instances = {each.id for each in network.instances.values() if (key, value) in each.tags}
    known.hint(*(("instance", each) for each in instances))
    found = [
        each
        for each in network.interfaces.values()
        if ((key, value) in each.tags or (each.instance in instances and not each.device)) and vpc in ("", each.vpc)
    ]
    if not found:
        for part in ("interfaces", "instances"):
            known.need(part)
        raise Mistake(f"Nothing that was read has the tag {key}={value}.", "vpcshark interfaces lists ENIs by name.")
    return [[_end(each.name or each.id, each)] for each in sorted(found, key=lambda each: (each.name, each.id))]


def _by_id(known: Known, text: str) -> list[End]:
    interfaces = known.network.interfaces
    if text.startswith("eni-"):
        found = [interfaces[text]] if text in interfaces else []
    elif text.startswith("nat-"):
        nat = known.network.nat_gateways.get(text)
        found = [interfaces[each] for each in (nat.interfaces if nat else ()) if each in interfaces]
    elif text.startswith("vpce-"):
        endpoint = known.network.endpoints.get(text)
        if endpoint is not None and endpoint.kind == "Gateway":
            raise Mistake(
                f"{text} is a gateway endpoint, which has no address.", "Walk to an address of its service instead."
            )
        found = [interfaces[each] for each in (endpoint.interfaces if endpoint else ()) if each in interfaces]
    else:
        mine = [each for each in interfaces.values() if each.instance == text]
        found = sorted(mine, key=lambda each: each.device)[:1]
    if not found:
        known.need("interfaces")
        raise Mistake(
            f"There is no {_word(text)} {text} in what was read.", "vpcshark interfaces lists the ENIs of an account."
        )
    return [_end(text, each) for each in found]


def _word(text: str) -> str:
    kinds = {
        "eni": "network interface",
        "nat": "NAT gateway",
        "vpce": "VPC endpoint",
        "i": "instance with an interface",
    }
    return kinds[text.partition("-")[0]]


def _by_address(known: Known, text: str, vpc: str) -> list[End]:
    interfaces = [each for each in known.network.interfaces.values() if vpc in ("", each.vpc)]
    found = [each for each in interfaces if text in each.addresses]
    found = found or [each for each in interfaces if any(contains(cidr, text) for cidr in each.prefixes)]
    if found:
        return [_end(text, _only(text, found), text)]
    owners = [each for each in interfaces if text in each.public.values()]
    if owners:
        return [_end(text, _only(text, owners), text)]
    if not is_internal(text) and not any(contains(c, text) for v in known.network.vpcs.values() for c in v.cidrs):
        return [End(INTERNET, text, address=text)]
    subnets = [each for each in known.network.subnets.values() if any(contains(cidr, text) for cidr in each.cidrs)]
    subnets = [each for each in subnets if vpc in ("", each.vpc)]
    if len(subnets) == 1:
        return [End("subnet", text, address=text, subnet=subnets[0].id, vpc=subnets[0].vpc)]
    return [End(NOWHERE, text, address=text)]


def _by_name(known: Known, text: str, vpc: str) -> list[End]:
    wanted = text.removeprefix("lb:")
    for balancer in known.network.balancers.values():
        if wanted in (balancer.name, balancer.id, balancer.dns):
            tail = balancer.id.partition("loadbalancer/")[2]
            nodes = [e for e in known.network.interfaces.values() if e.description == f"ELB {tail}"]
            if nodes:
                return [_end(text, each) for each in nodes]
    instances = {each.id for each in known.network.instances.values() if each.name == wanted}
    known.want(*(("instance", each) for each in sorted(instances)))
    found = [
        e for e in known.network.interfaces.values() if e.name == wanted or (e.instance in instances and not e.device)
    ]
    found = [each for each in found if vpc in ("", each.vpc)]
    if not found:
        known.need("interfaces")
        raise Mistake(
            f'Nothing that was read is called "{text}".',
            "An end is an ENI, instance, Name tag, address, DNS name, load balancer, endpoint, or internet.",
        )
    return [_end(text, _only(text, found))]


def _only(text: str, found: Sequence[Interface]) -> Interface:
    """The one; one of each instance is enough."""
    first = {each.instance or each.id: each for each in sorted(found, key=lambda each: -each.device)}
    if len(first) > 1:
        named = ", ".join(f"{each.id} in {each.vpc}" for each in first.values())
        raise Mistake(f'"{text}" may be any of several: {named}.', "Give the one by its id, or its VPC by --vpc.")
    return next(iter(first.values()))


def _end(text: str, interface: Interface, address: str = "") -> End:
    return End("interface", text, interface, address, interface.subnet, interface.vpc)
