"""The fields of each command's ``--json``, with what they mean: docs/reference/json.md is written from this table.

``[]`` stands for the items of an array. tests/cli/test_fields.py holds the table to what the commands print. Must not
know how the fields come about.
"""

from __future__ import annotations

from collections.abc import Mapping

_HOP = {
    "kind": "what stands there: interface, security group, network ACL, route table …",
    "resource": "its id, or several with commas",
    "name": "its name",
    "az": "availability zone",
    "vpc": "id of the VPC",
    "subnet": "id of the subnet",
    "rule": "the rule that decides, or null: `id`, `number`, `text`",
    "verdict": "reachable, blocked or unknown, at this hop",
    "reason": "a code: one of Reachability Analyzer's, or `WALK_…`",
    "text": "the same in words",
    "packet": "the packet's header there: `source`, `destination`, `protocol`, `source_ports`, `destination_ports`, "
    "`icmp`, and `change`, what the hop changed of it",
    "mtu": "bytes that it carries, null if it sets no limit",
    "mend": "the AWS command that mends it",
    "passed": "what the packet passed within the hop before",
}
_STOP = ("kind", "resource", "name", "az", "vpc", "rule", "reason", "text", "mend")
_FINDING = {"resource": "id that the sentence is about", "rule": "id of the rule, route or entry in it"}

FIELDS: Mapping[str, Mapping[str, str]] = {
    "interfaces": {
        "[].id": "the ENI's id",
        "[].name": "its Name tag, else its instance's, else what owns it, else its id",
        "[].display": "as Wireshark's list shows it",
        "[].instance": "id of its instance, or empty",
        "[].instance_name": "the instance's Name tag",
        "[].instance_state": "running, stopped …",
        "[].instance_type": "such as m6i.large",
        "[].device_index": "0 for eth0; null if it is attached to nothing",
        "[].network_card": "0 for the first",
        "[].interface_type": "EC2's type: interface, nat_gateway, branch …",
        "[].vpc": "id of its VPC",
        "[].subnet": "id of its subnet",
        "[].az": "availability zone",
        "[].addresses": "private addresses: IPv4, the primary first, then IPv6",
        "[].public_address": "public IPv4 address, or empty",
        "[].mac": "MAC address",
        "[].description": "EC2's description",
        "[].owner": "what it belongs to: an instance, or a service in AWS's words",
        "[].profile": "profile of the place where it is; null: as AWS chooses",
        "[].region": "region of that place; null: as AWS chooses",
    },
    "capture": {
        "source": "what was captured from",
        "packets": "how many are in the files",
        "files": "their names, in order",
        "reasons": "sentences on why none came; empty if some did",
    },
    "preflight": {
        "[].check": "what was looked at: source, target, route, acl, group, permission …",
        "[].level": "ok, warn (some packets may not arrive, or it could not be seen) or fail",
        **{f"[].{name}": meaning for name, meaning in _FINDING.items()},
        "[].sentence": "what was found",
        "[].command": "the AWS command that mends it, or empty",
    },
    "doctor": {
        "[].subject": "what was checked",
        "[].level": "ok, failed or skipped",
        "[].remark": "what was found, where it is ok; why not, where it was skipped",
        "[].problem": "what is wrong; empty unless it failed",
        "[].remedy": "what to do about it",
    },
    "walk": {
        "schema": "1; another number when a field changes its meaning",
        "verdict": "reachable, blocked or unknown",
        "question": "what was asked: `source`, `destination`, the packet, `return`",
        "forward": "the way there: `verdict`, `hops`, with `--all-paths` also `paths`",
        **{f"forward.hops[].{name}": meaning for name, meaning in _HOP.items()},
        "return": "the way back, in the same form; null with `--no-return`",
        "blockers": "hops that block the packet",
        "blockers[].direction": "forward or return",
        **{f"blockers[].{name}": _HOP[name] for name in _STOP},
        "unknowns": "hops of which it is not known, in the form of `blockers`",
        "notes": "where AWS chooses between ways that don't end alike",
        "mtu": "bytes of the largest packet that every hop carries, or null",
        "zones": "the availability zones of the way there, in order",
        "analyzer": "null, with `--analyzer`: `state` (agree, differ, not comparable), `findings`, what it says itself",
        "costs": "what a GB costs: `read` (the day of the prices, us-east-1's), `forward` and `return`, each with "
        "`usd_per_gb` and `parts` (`kind`, `resource`, `usd_per_gb`)",
        "evidence": "with `--evidence`, what flow logs show: from `begin` to `end` (seconds since the epoch)",
        "evidence.points": "hops that could leave a record: `direction`, `hop` (its place on the way), `resource`, "
        "`status` (seen, rejected, not seen, not covered, can't be logged, unclear), `text` (why), `records`, "
        "`packets`, `bytes`, `flow-log`, `weak` (by ports and one address alone), `command` (makes a flow log)",
        "evidence.against": "sentences on where rules and records disagree, and where packets were last seen",
        "evidence.counts": "sentences on what the transit gateway's attachments count, of all traffic",
    },
    "why": {
        "schema": "1; another number when a field changes its meaning",
        "question": "what was asked, in the form of `walk`'s: `from`, `to`, the packet, `return`",
        "steps": "what was done, in its order",
        "steps[].step": "walk, evidence, analyzer or diagnose",
        "steps[].verdict": "in one word, as the command of that name has it",
        "steps[].sentence": "what was found",
        "steps[].proved": "does it prove the answer, alone?",
        "captures": "where packets would decide: the commands that capture them, the last one asks again with them",
        "conclusion": "what follows",
        "conclusion.class": "a reason of `walk`, a class of `diagnose`, rejected, lost, no-answer; or works, "
        "undecided, contradiction",
        "conclusion.sentence": "the cause in words",
        "conclusion.mend": "what mends it: a command where there is one; empty where nothing is known",
        "conclusion.proved": "is there no other explanation?",
    },
    "metrics": {
        "schema": "1; another number when a field changes its meaning",
        "id": "the resource as CloudWatch names it",
        "namespace": "of CloudWatch",
        "begin": "from when on: seconds since the epoch",
        "end": "until when",
        "series": "a set of dimensions each: `resource`, `zone` (null: all), `dimensions` as CloudWatch has them",
        "series[].metrics": "metric -> total (null: no data), points as [seconds since the epoch, count]",
    },
    "diagnose": {
        "schema": "1; another number when a field changes its meaning",
        "findings": "what the packets prove, the most harmful first",
        "findings[].class": "which kind of finding",
        "findings[].confidence": "how sure it is",
        "findings[].sentence": "what was found",
        "findings[].flows": "where: `protocol`, `source`, `source_port`, `target`, `target_port` of each flow",
        "findings[].frames": "the packets that show it: `file` and `number`, as Wireshark counts",
        "findings[].checked": "what was checked against it",
        "findings[].next": "what to do now",
        "findings[].filter": "a display filter that shows it",
        "healthy": "is there nothing but what the capture itself did?",
    },
    "ps": {
        "[].capture": "the capture's id",
        "[].source": "what it was started from; null if that is not known",
        "[].sources": "the ENIs that are mirrored now",
        "[].owner": "who started it: user@host",
        "[].state": "live, dead, expired, cleaning up, kept, unknown or unproved",
        "[].here": "was it started on this machine?",
        "[].resources": "what it holds in the account: `kind` and `id` of each",
        "[].started": "seconds since the epoch; null if that is not known",
        "[].expires": "when its lease runs out: seconds since the epoch, or null",
        "[].cost_usd": "so far, without data transfer",
        "[].cleanup_until": "until when its janitor can clean up; null: no limit is known",
        "[].notes": "sentences on what only has its tags, and on clean-up that failed",
    },
    "cleanup": {
        "dry_run": "was nothing touched?",
        "removed": "what was removed, or would be",
        "removed[].kind": "session, filter, target, instance, group …",
        "removed[].id": "the resource's id",
        "removed[].capture": "id of the capture that made it",
        "kept": "captures that are left alone",
        "kept[].capture": "its id",
        "kept[].reason": "why",
        "unproved": "a sentence for each resource that has a capture's tags and is not provably a capture's",
        "problems": "sentences on what failed",
    },
}
"""Command -> field -> what it means."""
