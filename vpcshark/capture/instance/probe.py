"""A test connection from a host: the command that makes it, and what its answer says. Installs nothing there.

One command in plain sh: a TCP connect, a DNS query or a datagram by the host's Python, else a TCP connect by bash; then
echo requests of several sizes that nobody may cut (ping -M do), and tracepath where the host has it, for the path MTU.
Pure. Must not know how the command gets there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

from vpcshark.capture.remote import shell_commands
from vpcshark.errors import TransportError
from vpcshark.text import line
from vpcshark.why.tried import ANSWERED, CANNOT, CONNECTED, REFUSED, SILENT, UNREACHABLE, Echo, Probe, Router

PATIENCE = 5  # seconds for the connection; a SYN is sent again after 1 and 3 (RFC 6298, initial RTO)
SIZES = (1280, 1400, 1500, 8500, 9001)
"""Bytes of IP packet: IPv6's smallest MTU, a usual tunnel, the internet, a transit gateway, a VPC."""
_MARK = "vpcshark:"
_MOST_WORDS = 200  # characters of another machine's text
_HOPS = 16

# argv: the destination, the port, the protocol ("tcp", "dns", "udp"), the source's address, seconds.
_PROGRAM = """\
import errno, socket, sys, time
there, port, kind, here, patience = sys.argv[1:6]
family = socket.AF_INET6 if ":" in there else socket.AF_INET
def tried():
    made = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    made.settimeout(float(patience))
    made.bind((here, 0))
    made.connect((there, int(port)))
    if kind == "tcp":
        return "connected"
    made.send(bytes.fromhex("7673010000010000000000000000020001") if kind == "dns" else b"vpcshark")
    data = made.recv(65535)
    return "answered" + (" rcode %d" % (data[3] & 15) if kind == "dns" and len(data) > 11 else "")
began = time.time()
try:
    said = tried()
except socket.timeout:
    said = "silent"
except OSError as error:
    said = errno.errorcode.get(error.errno or 0, str(error))
    said = "silent" if said == "ETIMEDOUT" else said
print("vpcshark:tried:%d %s" % ((time.time() - began) * 1000, said))
"""

_SCRIPT = (
    r"""
say() { printf 'vpcshark:%s:%s\n' "$1" "$2"; }
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
there=$1 port=$2 kind=$3 here=$4 patience=$5 program=$6; shift 6
"""
    + shell_commands.FIND_PYTHON
    + r"""
have() { command -v "$1" >/dev/null 2>&1; }
has_address() { case " $(hostname -I 2>/dev/null) " in *" $here "*) ;; *) return 1;; esac; }
big() {
  for size in "$@"; do
    case $there in *:*) head=48;; *) head=28;; esac
    (
      said=$(LC_ALL=C ping -n -I "$here" -M do -c 1 -W 2 -s $((size - head)) "$there" 2>&1 </dev/null)
      case $said in
      *'bytes from'*) say echo "$size answered";;
      *) say echo "$size $(printf %s "$said" | grep -i -e 'mtu' -e 'too' | head -n 1 | cut -c 1-200)";;
      esac
    ) &
  done
  wait
}
if [ "$port" = 0 ]; then :
elif [ -n "$python" ]; then "$python" -c "$program" "$there" "$port" "$kind" "$here" "$patience" </dev/null
elif [ "$kind" = tcp ] && has_address && have bash && have timeout; then
  said=$(LC_ALL=C timeout "$patience" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$there" "$port" 2>&1 </dev/null)
  case $? in 0) say tried '- connected';; 124) say tried '- silent';; *) say tried "- $said";; esac
else say tried '- nothing'
fi
if have ping; then big "$@"; fi
if have tracepath && have timeout; then
  LC_ALL=C timeout 10 tracepath -n -m 16 "$there" 2>/dev/null </dev/null | while read -r row; do say hop "$row"; done
fi
say end ok
"""
)

_ROUTE = re.compile(r"^(\d{1,2})\??:\s+(\S+)(.*)$")
_MTU = re.compile(r"\b(?:pmtu|mtu)\D{0,4}(\d{3,5})\b", re.IGNORECASE)
_CODE = re.compile(r"answered rcode (\d{1,2})$")
_FROM = re.compile(r"^From ([0-9a-fA-F.:]+)")


def command(there: str, port: int, kind: str, here: str) -> list[str]:
    """The argv to run on the host. ``there`` and ``here`` are addresses; ``kind``: "tcp", "dns" (a query for the root's
    name servers, RFC 1035) or "udp" (a datagram); ``port`` 0: sizes alone. ValueError for what is no address."""
    ends = [str(ip_address(each)) for each in (there, here)]
    if kind not in ("tcp", "dns", "udp") or not 0 <= port <= 65535:
        raise ValueError(f"{kind} {port}")
    words = [ends[0], str(port), kind, ends[1], str(PATIENCE), _PROGRAM]
    return ["sh", "-c", _SCRIPT, "sh", *words, *map(str, SIZES)]


def parse(output: bytes, where: str = "The host") -> Probe:
    """What came of it. TransportError where the command did not come to its end."""
    values: dict[str, list[str]] = {}
    for row in output.decode("utf-8", "replace").splitlines():
        _, mark, rest = row.partition(_MARK)
        name, _, value = rest.partition(":")
        if mark:
            values.setdefault(name, []).append(line(value, _MOST_WORDS))
    if "end" not in values:
        raise TransportError(f"The test connection from {where} did not come to its end.", "Try again.")
    said = values.get("tried", [""])[-1]
    outcome, milliseconds, words = _tried(said)
    echoes = sorted(filter(None, map(_echo, values.get("echo", []))), key=lambda each: each.size)
    code = _CODE.search(said) if outcome == ANSWERED else None
    return Probe(
        outcome, milliseconds, words, tuple(echoes), _routers(values.get("hop", [])), int(code[1]) if code else 0
    )


def _tried(text: str) -> tuple[str, int, str]:
    took, _, said = text.partition(" ")
    milliseconds = int(took) if took.isdecimal() and len(took) < 8 else -1
    for sign, outcome in _OUTCOMES:
        if sign in said:
            return outcome, milliseconds, "" if outcome in (CONNECTED, ANSWERED, SILENT) else said
    return (CANNOT if said else ""), milliseconds, said


_OUTCOMES = (
    ("connected", CONNECTED),
    ("answered", ANSWERED),
    ("silent", SILENT),
    ("ECONNREFUSED", REFUSED),
    ("onnection refused", REFUSED),
    ("EHOSTUNREACH", UNREACHABLE),
    ("ENETUNREACH", UNREACHABLE),
    ("EACCES", UNREACHABLE),
    ("EPERM", UNREACHABLE),
    ("o route to host", UNREACHABLE),
    ("unreachable", UNREACHABLE),
)
"""errno(3), and bash's words for it."""


def _echo(text: str) -> Echo | None:
    """``1500 answered``, ``1500 From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)``, ``9001 `` …"""
    size, _, said = text.partition(" ")
    if not size.isdecimal() or int(size) not in SIZES:
        return None
    is_answered, mtu, sender = said == "answered", _MTU.search(said), _FROM.match(said.strip())
    is_refused = not is_answered and bool(said.strip())
    return Echo(int(size), is_answered, int(mtu[1]) if mtu else 0, sender[1] if sender else "", is_refused)


def _routers(rows: Sequence[str]) -> tuple[Router, ...]:
    """tracepath(8): `` 1:  10.0.0.1   0.4ms pmtu 1400``; ``[LOCALHOST]`` is the host itself."""
    found: dict[int, Router] = {}
    for row in rows[: 3 * _HOPS]:
        match = _ROUTE.match(row.strip())
        if match is None:
            continue
        number, address, rest = int(match[1]), match[2], match[3]
        mtu = _MTU.search(rest)
        named = int(mtu[1]) if mtu else 0
        if _is_address(address) or named:
            old = found.get(number)
            found[number] = Router(number, address if _is_address(address) else "", named or (old.mtu if old else 0))
    return tuple(found[number] for number in sorted(found))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
