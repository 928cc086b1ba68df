"""What a host says of itself before a capture on it: the interface with a MAC, rights, programs, our own connections.

One command in plain sh, so that it runs anywhere; its lines are marked, so that what login scripts print between them
does no harm. Must not know how the command gets there, nor what is done with the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from vpcshark.capture.remote import shell_commands
from vpcshark.errors import TransportError

_MARK = "vpcshark:"

# Linux counts a bond's and a bridge's members, and VLANs, by the same MAC. bonding_slave/perm_hwaddr is a member's own.
# Only root sees which sockets are the SSM agent's, but everybody sees whose each connection is: to anybody else its are
# among root's established ones to port 443 (0x01BB). Where /proc hides other users' processes, it may well run. An
# agent whose files are seen, and no socket among them, has none; nor has one that has ended (Z, X: proc_pid_stat(5)).
_SCRIPT = (
    r"""
say() { printf 'vpcshark:%s:%s\n' "$1" "$2"; }
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
have() { p=$(command -v "$1" 2>/dev/null) && [ -f "$p" ] && [ -x "$p" ] && say "$1" "$p"; }
say connection "$SSH_CONNECTION"
say user "$(id -un 2>/dev/null)"
have timeout
tcpdump=; have tcpdump && tcpdump=$p
"""
    + shell_commands.FIND_PYTHON
    + r"""
[ -n "$python" ] && say python3 "$python"
root=
if [ "$(id -u)" = 0 ]; then say rights root; root=env
elif have sudo; then
  if why=$(sudo -n true 2>&1 >/dev/null </dev/null); then say rights sudo; root='sudo -n'
  elif [ -n "$tcpdump" ] && sudo -n -l "$tcpdump" >/dev/null 2>&1 </dev/null; then say rights tcpdump
  else say refusal "$(printf %s "$why" | tail -n 1)"; fi
fi
for folder in /sys/class/net/*; do
  [ -r "$folder/address" ] || continue
  read -r address <"$folder/address" || continue
  own=; [ -r "$folder/bonding_slave/perm_hwaddr" ] && read -r own <"$folder/bonding_slave/perm_hwaddr"
  read -r index <"$folder/ifindex"
  device=; [ -e "$folder/device" ] && device=hardware
  say link "$index $address ${own:--} ${device:--} ${folder##*/}"
done
[ -n "$tcpdump" ] && "$tcpdump" --help 2>&1 </dev/null | tr ' ' '\n' | while read -r word; do
  case $word in --immediate-mode|--time-stamp-precision) say knows "$word";; esac
done
pid=$$
while [ "${pid:-0}" -gt 1 ] && read -r name <"/proc/$pid/comm"; do
  case $name in sshd*) say sshd "$pid"; break;; esac
  pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
done 2>/dev/null
sockets='[ -r /proc/1/comm ] || echo hidden
for folder in /proc/[0-9]*; do
  read -r name <"$folder/comm" || continue
  case $name in amazon-ssm*|ssm-*) ;; *) continue;; esac
  seen=; for end in "$folder"/fd/*; do readlink "$end" && seen=yes; done
  [ -z "$seen" ] && read -r _ _ state _ <"$folder/stat" || continue
  case $state in Z|X) ;; *) echo hidden;; esac
done 2>/dev/null'
case $SSH_CONNECTION in 127.*|::1\ *|::ffff:127.*)
  found=$($root sh -c "$sockets" </dev/null | sed -n 's/^socket:\[\(.*\)]$/\1/p; /^hidden$/p' | tr '\n' ' ')
  case $found in *[0-9]*) ;; *hidden*) say guessed yes;; esac
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ here there state _ _ _ uid _ inode _; do
    case $found in
    *[0-9]*) case " $found" in *" $inode "*) say agent "$here $there";; esac;;
    *hidden*) case $state:$uid:$there in 01:0:*:01BB) say agent "$here $there";; esac;;
    esac
  done;;
esac
say end ok
"""
)

Endpoints = tuple[str, int, str, int]
"""One TCP connection as the host sees it: their address and port, our address and port."""


@dataclass(frozen=True)
class Link:
    """One of the host's network interfaces. ``own_mac`` is a bond member's permanent MAC, else ""."""

    index: int
    mac: str
    own_mac: str
    is_hardware: bool
    name: str


@dataclass(frozen=True)
class Facts:
    """The answer. ``rights``: "root", "sudo" (for anything), "tcpdump" (sudo for that alone) or "". Paths are "" where
    there is no such program. ``agent``: the SSM agent's TCP connections, if the way here leads through it;
    ``is_guessed`` if they are root's HTTPS connections, as ``user`` can't see which of those are the agent's."""

    user: str = ""
    rights: str = ""
    refusal: str = ""
    tcpdump: str = ""
    python: str = ""
    timeout: str = ""
    sshd: int = 0
    knows: frozenset[str] = frozenset()
    connection: Endpoints | None = None
    agent: tuple[Endpoints, ...] = ()
    is_guessed: bool = False
    links: tuple[Link, ...] = field(default=(), repr=False)

    def interface(self, mac: str) -> str:
        """The name of the interface that has ``mac``, "" if none has. A bond's member is known by its permanent MAC;
        of several with the same MAC (a VLAN, a bridge, a bond over it) the hardware, else the one that was first."""
        mac = mac.lower()
        own = [link for link in self.links if link.own_mac == mac]
        same = [link for link in self.links if link.mac == mac and not link.own_mac]
        found = own or sorted(same, key=lambda link: (not link.is_hardware, link.index))
        return found[0].name if found else ""


def command() -> list[str]:
    """The argv to run on the host."""
    return ["sh", "-c", _SCRIPT]


def has_begun(output: bytes | bytearray) -> bool:
    """Did the command run at all?"""
    return _MARK.encode() in output


def parse(output: bytes, where: str = "The host") -> Facts:
    """The facts in the command's output. TransportError if its last line is not there, or for what is no fact."""
    try:
        return _facts(output, where)
    except (ValueError, IndexError) as error:
        raise unfit(where, f"{error}") from error


def unfit(where: str, what: str) -> TransportError:
    """The answer of something else than a POSIX shell."""
    return TransportError(
        f"{where} answers what no POSIX shell does to the questions before a capture: {what}.",
        "Log in there by hand, and see what the user's start-up files print.",
    )


def _facts(output: bytes, where: str) -> Facts:
    values: dict[str, list[str]] = {}
    for line in output.decode("utf-8", "replace").splitlines():
        _, mark, rest = line.partition(_MARK)  # a login script may end without a line end
        name, _, value = rest.partition(":")
        if mark:
            values.setdefault(name, []).append(value)
    if "end" not in values:
        said = "" if values else " ".join(output.decode("utf-8", "replace").split())[:200].rstrip(".")
        raise TransportError(
            f"{where} did not answer to the questions before a capture{f': it said {said}' if said else ''}.",
            "Log in there by hand: the user's login shell must run sh, and no ForceCommand something else "
            "(--ssh-user for another user).",
        )
    single = {name: found[-1] for name, found in values.items()}
    return Facts(
        **{name: single.get(name, "") for name in ("user", "rights", "tcpdump", "timeout")},
        refusal=single.get("refusal", "").removeprefix("sudo: "),
        python=single.get("python3", ""),
        sshd=_number(single.get("sshd", "0"), 1 << 32),
        knows=frozenset(values.get("knows", [])),
        connection=_ssh_connection(single.get("connection", "")),
        agent=tuple(_tcp_row(row) for row in values.get("agent", []) if row.split()[1].partition(":")[2] != "0000"),
        is_guessed="guessed" in values,
        links=tuple(_link(text) for text in values.get("link", [])),
    )


def _link(text: str) -> Link:
    index, mac, own, device, name = text.split(" ", 4)
    return Link(_number(index, 1 << 32), mac.lower(), "" if own == "-" else own.lower(), device != "-", name)


def _ssh_connection(text: str) -> Endpoints | None:
    """sshd(8): "client address, client port, server address, server port"."""
    words = text.split()
    if len(words) != 4:
        return None
    there, there_port, here, here_port = words
    if there == here == "UNKNOWN":  # sshd runs over something that is no TCP connection
        return None
    ports = _number(there_port, 1 << 16), _number(here_port, 1 << 16)
    # As ipaddress writes them: they become words of a capture filter.
    return str(ip_address(there.partition("%")[0])), ports[0], str(ip_address(here.partition("%")[0])), ports[1]


def _tcp_row(row: str) -> Endpoints:
    """/proc/net/tcp and tcp6 (proc(5)): local and remote address as words in the machine's byte order, and port."""
    (here, here_port), (there, there_port) = (part.split(":") for part in row.split()[:2])
    return _address(there), _number(there_port, 1 << 16, 16), _address(here), _number(here_port, 1 << 16, 16)


def _number(text: str, end: int, base: int = 10) -> int:
    """``ValueError`` for what is none below ``end``."""
    number = int(text, base) if len(text) <= 12 else end
    if not 0 <= number < end:
        raise ValueError(f"a number {text[:20]}")
    return number


def _address(text: str) -> str:
    data = bytes.fromhex(text)
    words = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))  # EC2's machines are little-endian
    if len(words) == 4:
        return str(IPv4Address(words))
    address = IPv6Address(words)
    return str(address.ipv4_mapped or address)
