"""An ENI's device in another network namespace of its instance: of a pod, a task, a container. Where, and whose.

ECS puts a task's ENI (or the VLAN device of its branch) into the task's namespace, some CNI plugins a pod's. Only root
can look into the namespaces of others, by nsenter(1) and ip(8), which every stock image has. Pure: the command and what
its answer means. Must not know how the command gets to the host.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vpcshark import text

_MARK = "vpcshark:"
_MOST_WORDS = 100  # characters of a name that the host gives
# stat -L gives a namespace's number (namespaces(7)), the same by whatever path; a process's path, or a name that
# ip-netns(8) or a container runtime keeps, leads into it. $1: the MAC address.
_SCRIPT = r"""
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
mac=$1 mine=$(stat -Lc %i /proc/$$/ns/net) seen=
say() { printf 'vpcshark:%s:%s\n' "$1" "$2"; }
stat -Lc '%i %n' /proc/[0-9]*/ns/net /run/netns/* /run/docker/netns/* 2>/dev/null | while read -r number place; do
  case " $mine $seen " in *" $number "*) continue;; esac
  seen="$seen $number"
  nsenter --net="$place" ip -o link show 2>/dev/null </dev/null | while read -r line; do
    case $line in *" $mac "*) say place "$number $place $line";; *) continue;; esac
    process=${place%/ns/net}
    [ "$process" = "$place" ] && continue
    say host "$number $(nsenter --uts="$process/ns/uts" uname -n 2>/dev/null </dev/null)"
    while read -r group; do say group "$number $group"; done <"$process/cgroup"
  done
done
say home "0 $(uname -n)"
"""
_ENTER = r"""
place=$1 number=$2; shift 2
[ "$(stat -Lc %i "$place")" = "$number" ] || { echo "The network namespace of the interface is gone." >&2; exit 1; }
exec nsenter --net="$place" -- "$@"
"""
_POD = re.compile(r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})")
_TASK = re.compile(r"/ecs(?:tasks\.slice)?/(?:[^/]*/)??(?:ecstasks-)?([0-9a-f]{32})(?![0-9a-f])")


@dataclass(frozen=True)
class Place:
    """Where a device is: a ``path`` into its namespace, the namespace's ``number``, the ``device`` there, and ``whose``
    it is, as a person would say it."""

    path: str
    number: str
    device: str
    whose: str

    def enter(self, command: Sequence[str]) -> list[str]:
        """The argv that runs ``command`` there, as root. A process that ended since may have left its path to
        another, so the number is compared."""
        return ["sh", "-c", _ENTER, "sh", self.path, self.number, *command]


def command(mac: str) -> list[str]:
    """The argv to run on the instance, as root."""
    return ["sh", "-c", _SCRIPT, "sh", mac.lower()]


def parse(output: bytes) -> Place | None:
    """The place in the command's output; None if no namespace there has the device."""
    said: dict[str, dict[str, list[str]]] = {}
    for line in output.decode("utf-8", "replace").splitlines():
        _, mark, rest = line.partition(_MARK)
        kind, _, value = rest.partition(":")
        number, _, words = value.partition(" ")
        if mark:
            said.setdefault(kind, {}).setdefault(number, []).append(words)
    for number, found in said.get("place", {}).items():
        path, _, link = found[0].partition(" ")
        device = re.match(r"\d+: ([^\s:@]+)", link)  # "2: eth0@if5: <BROADCAST …", ip-link(8)
        if device and number.isdecimal() and path.startswith("/"):
            hosts, groups, home = (said.get(kind, {}) for kind in ("host", "group", "home"))
            names = [name for name in hosts.get(number, []) if name and [name] != home.get("0")]
            return Place(path, number, device[1], _whose(path, names, groups.get(number, [])))
    return None


def _whose(path: str, names: Sequence[str], groups: Sequence[str]) -> str:
    """By the host name that a pod has for itself, and by the control group that kubelet or the ECS agent made."""
    everything = "\n".join(groups)
    name = f" {text.line(names[0], _MOST_WORDS)}" if names else ""
    if pod := _POD.search(everything):
        return f"the pod{name} ({pod[1].replace('_', '-')})"
    if task := _TASK.search(everything):
        return f"the ECS task {task[1]}"
    if name:
        return f"the container{name}"
    known = path.rpartition("/")[2] if path.startswith("/run/") else path.split("/")[2]
    return f"the network namespace {text.line(known, _MOST_WORDS)}" if path.startswith("/run/") else f"process {known}"
