"""How a capture runs on a host: the command, the filter that leaves its own traffic out, the counts that it says.

Pure: facts and options in, argument vectors out. Must not know how a command gets to the host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from vpcshark import receiver
from vpcshark.capture.instance.facts import Endpoints, Facts
from vpcshark.errors import TransportError
from vpcshark.wire.bpf import libpcap
from vpcshark.wire.overlay.vxlan import STANDARD_PORTS

BEAT = 2.5  # seconds between two signs of life to the host
DEADLINE = 6  # seconds without one, after which the host ends the capture: with ``BEAT`` less than 10 after a cut
_COUNTS = rb"captured|received by filter|dropped by kernel|dropped by interface"
STATISTICS = re.compile(rb"(?<!\d)(\d{1,18}) packets? (" + _COUNTS + rb")")

# $1: sshd's process, $2: seconds, $3: timeout(1) or "", $4: the signal for counts, $5 on: the capture. stdin's
# end ends it (sshd passes no signal on to root's commands), and so does silence: a broken link ends nothing by itself.
# Then our own sshd is told to end, for it would wait for the network for many minutes. sh gives /dev/null to what runs
# in the background, so stdin is descriptor 3 there.
_KEEPER = r"""
sshd=$1 silence=$2 clock=$3 sign=$4; shift 4
hear() { ${clock:+"$clock" "$silence"} dd bs=64 count=1 2>/dev/null; }
exec 3<&0
"$@" </dev/null 3<&- &
capture=$!
(
  while heard=$(hear <&3); do
    [ -n "$heard" ] || { sshd=0; break; }
    kill "-$sign" $capture
  done
  kill -TERM $capture
  [ "$sshd" -gt 1 ] && kill "$sshd"
  sleep 2
  kill -KILL $capture
) >/dev/null 2>&1 &
hearer=$!
exec >/dev/null 3<&-
wait $capture; status=$?
kill $hearer 2>/dev/null
exit $status
"""


# GNU tail sees at once what is added to a file that is there, but looks only once a second for one that is yet to come.
_FOLLOW = """
until [ -e "$1" ]; do sleep 0.1 2>/dev/null || sleep 1; done
exec tail -n +1 -F -- "$1"
"""


def command(
    facts: Facts,
    interface: str,
    capture_filter: str,
    snaplen: int,
    *,
    outer: bool = False,
    enter: Callable[[Sequence[str]], Sequence[str]] = list,
) -> list[str]:
    """The argv that captures on ``interface`` until its stdin ends, falls silent or the capture ends.

    ``outer``: also take what may carry the wanted frames inside. ``enter`` makes of a command one that runs where the
    interface is. TransportError if the host has neither tcpdump nor
    Python; ``libpcap.FilterError`` never, if the filter alone compiles.
    """
    text = combined(own_traffic(facts), capture_filter, outer=outer)
    capture = enter(_capture(facts, interface, text, snaplen))
    return _kept(facts, "USR1", capture)


def follow(facts: Facts, path: str) -> list[str]:
    """The argv that gives the file's lines, from its first on and as they come, also if it is yet to be made."""
    return _kept(facts, "0", ["sh", "-c", _FOLLOW, "sh", path])


def _kept(facts: Facts, sign: str, capture: Sequence[str]) -> list[str]:
    return as_root(facts, ["sh", "-c", _KEEPER, "sh", str(facts.sshd), str(DEADLINE), facts.timeout, sign, *capture])


def as_root(facts: Facts, command: Sequence[str]) -> list[str]:
    """The argv with root's rights, where the host gives them for any command."""
    return ["sudo", "-n", *command] if facts.rights == "sudo" else list(command)


def own_traffic(facts: Facts) -> str:
    """A filter for the packets that carry the capture itself, as they pass the host's interfaces; "" if none do.

    From the connections that there really are, so that other SSH and HTTPS traffic stays visible.
    """
    mine = [facts.connection] if facts.connection is not None else []
    may_signal = facts.rights != "tcpdump"
    return " or ".join(f"({_connection(ends, whole=may_signal)})" for ends in (*mine, *facts.agent))


def combined(own: str, wanted: str, *, outer: bool = False) -> str:
    """What tcpdump gets. ``own`` goes first: a "vlan" in ``wanted`` would change the meaning of what follows it."""
    if outer and wanted:
        wanted = f"udp port {STANDARD_PORTS.vxlan} or udp port {STANDARD_PORTS.geneve} or ({wanted})"
    parts = ([f"not ({own})"] if own else []) + ([f"({wanted})"] if wanted.strip() else [])
    return " and ".join(parts)


def statistics(line: bytes) -> dict[str, int]:
    """What a line of tcpdump's counts: "received by filter", "dropped by kernel" and so on; {} for any other line."""
    return {name.decode(): int(number) for number, name in STATISTICS.findall(line)}


def _connection(ends: Endpoints, *, whole: bool) -> str:
    """One TCP connection; without its end (FIN or RST) if not ``whole``. A tcpdump that we may not signal, because it
    is root's and we are not, ends by that packet: it writes it, and nobody reads any more."""
    there, there_port, here, here_port = ends
    kind, flags = ("ip6", "ip6[53]") if ":" in there else ("ip", "tcp[13]")
    to = f"src host {there} and src port {there_port} and dst host {here} and dst port {here_port}"
    back = f"src host {here} and src port {here_port} and dst host {there} and dst port {there_port}"
    return f"{kind} and tcp and (({to}) or ({back}))" + ("" if whole else f" and {flags} & 5 = 0")


def _capture(facts: Facts, interface: str, text: str, snaplen: int) -> Sequence[str]:
    if facts.tcpdump:
        sudo = ["sudo", "-n"] if facts.rights == "tcpdump" else []
        options = ["--immediate-mode"] if "--immediate-mode" in facts.knows else []
        options += ["--time-stamp-precision=nano"] if "--time-stamp-precision" in facts.knows else []
        size = ["-s", str(snaplen)]
        return [
            *sudo,
            facts.tcpdump,
            "-i",
            interface,
            "-n",
            "-U",
            *options,
            *size,
            "-B",
            "16384",
            "-w",
            "-",
            "--",
            text,
        ]
    if facts.python:
        program = libpcap.compile_filter(text) if text else None  # takes frames whole, or their length would be lost
        return receiver.sniffer_command(facts.python, interface, snaplen, program)
    raise TransportError(
        "The host has neither tcpdump nor python3, so nothing can capture there.",
        "Install tcpdump on it, or mirror the interface instead (--mode mirror).",
    )
