"""What ``ssh -G`` says of a configuration file, read without the product; and configurations out of ssh_config(5)."""

from __future__ import annotations

import getpass
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

LISTS = ("identityfile", "certificatefile")
ALGORITHMS = ("ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms")


@dataclass(frozen=True)
class Said:
    """What makes a difference here, as the judge has it; or, where it refuses the file, the line that it names."""

    values: tuple[tuple[str, object], ...] = ()
    refused: int = 0

    def __getitem__(self, keyword: str) -> object:
        return dict(self.values)[keyword]


def judge(file: Path | str, name: str) -> Said:
    """``ssh -G`` on ``file`` alone."""
    command = ["ssh", "-G", "-F", str(file), name]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        line = re.search(r"line (\d+)", done.stderr)
        return Said(refused=int(line[1]) if line else culprit(Path(file), name, done.stderr))
    found: dict[str, list[str]] = {}
    for one in done.stdout.splitlines():
        keyword, _, value = one.partition(" ")
        found.setdefault(keyword, []).append(value)
    return Said(tuple(_view(found, name).items()))


def culprit(file: Path, name: str, said: str) -> int:
    """The line with which ssh begins to say that, where it says no line itself."""
    lines = file.read_text().splitlines(keepends=True)
    for number in range(1, len(lines) + 1):
        begun = file.with_name("begun")
        begun.write_text("".join(lines[:number]), newline="")
        done = subprocess.run(["ssh", "-G", "-F", str(begun), name], capture_output=True, text=True, check=False)
        if done.stderr == said:
            return number
    raise AssertionError(said)


def _view(found: dict[str, list[str]], name: str) -> dict[str, object]:
    def one(keyword: str) -> str:
        return found.get(keyword, [""])[0]

    host, user, port = one("hostname"), one("user"), one("port")
    alias = one("hostkeyalias")
    tokens = {"%": "%", "h": host, "n": name, "p": port, "r": user, "u": getpass.getuser(), "d": str(Path.home())}

    def expand(text: str) -> str:
        if text.startswith("~/"):
            text = f"{Path.home()}{text[1:]}"
        return re.sub(r"%(.)", lambda token: {**tokens, "k": alias or name}[token[1]], text)

    return {
        "host": host,
        "user": user,
        "port": int(port),
        **{keyword: [expand(value) for value in found.get(keyword, [])] for keyword in LISTS},
        "agent": one("identityagent"),
        "identitiesonly": one("identitiesonly") == "yes",
        "proxyjump": one("proxyjump"),
        "proxycommand": re.sub(r"%(.)", lambda token: tokens[token[1]], one("proxycommand")),
        "userknownhostsfile": one("userknownhostsfile"),
        "globalknownhostsfile": " ".join(expand(file) for file in one("globalknownhostsfile").split(" ")),
        "hostkeyalias": alias,
        **{keyword: one(keyword) for keyword in ALGORITHMS},
    }


_VALUES: dict[str, list[str]] = {
    "User": ["ubuntu", '"ubuntu"', getpass.getuser(), "a b", "a#b", '""', "jane@corp"],
    "Port": ["22", "2222", "0", "65535", "65536", "0x16", "022", "-1", "2222 22"],
    "HostName": ["%h", "%h.example", "10.9.9.9", '"a.example"', "Foo.Example", "100%%", "2001:db8::1", "%n"],
    "IdentityFile": ["~/.ssh/a", '"~/my keys/a"', "%d/.ssh/%u", "~/.ssh/%r.pem", "none", "/k/%h", "'/k/x y'", "a\\ b"],
    "CertificateFile": ["~/.ssh/a-cert.pub", "/k/%n-cert.pub"],
    "IdentityAgent": ["none", "SSH_AUTH_SOCK", "~/a.sock", "/run/agent", "$HOME", '"/a b"'],
    "IdentitiesOnly": ["yes", "no", "true", "YES", "maybe"],
    "ProxyJump": ["none", "b", "u@b:2200", "ssh://u@b:22", "b1,u@b2", "[::1]:22", "b # c", "NONE", "b,", "none,b"],
    "ProxyCommand": ["none", "nc %h %p", 'sh -c "x %h %%"', "nc %n # c", "NONE", '"a b" %r'],
    "UserKnownHostsFile": ["~/.ssh/kh /k/b", "none", '"/a b/kh" /c', "/k/x", "none /k", "/a#b"],
    "GlobalKnownHostsFile": ["/g/a /g/b", "none", "/g/a"],
    "HostKeyAlias": ["Foo", "web"],
    "Ciphers": ["aes256-ctr,aes128-ctr", "+aes128-cbc", "^aes256-ctr", "-aes*", "nonsense", "aes256-gcm@openssh.com"],
    "MACs": ["hmac-sha2-256", "hmac-sha2-256,hmac-sha1", "none"],
    "KexAlgorithms": ["curve25519-sha256", "+diffie-hellman-group14-sha1", "x"],
    "HostKeyAlgorithms": ["ssh-ed25519", "+ssh-rsa", "ssh-ed25519,rsa-sha2-512"],
    "PubkeyAcceptedAlgorithms": ["ssh-ed25519", "-ssh-rsa"],
    "ForwardAgent": ["yes", "no", "~/x"],
    "ServerAliveInterval": ["30", "30x", "1m"],
    "LogLevel": ["QUIET", "DEBUG3", "loud"],
    "SetEnv": ["FOO=bar", "FOO=bar BAR=x", "FOO"],
    "SendEnv": ["LANG LC_*"],
    "AddKeysToAgent": ["yes", "confirm"],
    "ControlMaster": ["auto", "x"],
    "ControlPath": ["~/.ssh/cm-%C"],
    "ControlPersist": ["10m", "yes"],
    "StrictHostKeyChecking": ["no", "accept-new", "what"],
    "RequestTTY": ["force"],
    "RemoteCommand": ["tmux new -A"],
    "LocalForward": ["1234 a:2"],
    "BogusOption": ["yes"],
    "IgnoreUnknown": ["Bogus*", "Nothing,Bogus*"],
    "AddressFamily": ["inet", "ipx"],
    "BindAddress": ["127.0.0.1"],
    "PKCS11Provider": ["/usr/lib/opensc.so"],
    "CanonicalizeHostname": ["no"],
    "UseRoaming": ["no"],
    "Include": ["/nonexistent/*.conf", "relative", "~/nonexistent"],
}
_PATTERNS = [
    "*",
    "10.*",
    "10.106.?.40",
    "i-*",
    "web-1",
    "web-*",
    "!web-1",
    "!10.*",
    "WEB-1",
    '"web-1"',
    "bastion",
    "a,b",
]
_ME = getpass.getuser()
_CRITERIA = ["all", "host 10.*", "host web-*,!web-1", "originalhost web-1", f"user {_ME}", "user ubuntu", "!host 10.*"]
_CRITERIA += [f"localuser {_ME}", 'exec "true"', 'exec "false"', 'exec "test %h = web-1"', "final all", "canonical"]
_CRITERIA += [
    "host web-1 user ubuntu",
    "Host 10.* User ubuntu",
    "host",
    "tagged x",
    "all host x",
    "localnetwork 9.8.0.0/16",
]


def _spelled(keyword: str) -> st.SearchStrategy[str]:
    return st.sampled_from([keyword, keyword.lower(), keyword.upper()])


def _line(keyword: str, value: str) -> st.SearchStrategy[str]:
    between = st.sampled_from([" ", "\t", "  ", "=", " = ", " ="])
    end = st.sampled_from(["", "", "", " ", " # note", "\r", "\t"])
    indent = st.sampled_from(["", "  ", "\t"])
    return st.builds(lambda i, k, b, e: f"{i}{k}{b}{value}{e}", indent, _spelled(keyword), between, end)


def _directive(keyword: str) -> st.SearchStrategy[str]:
    return st.sampled_from(_VALUES[keyword]).flatmap(lambda value: _line(keyword, value))


_DIRECTIVES = st.sampled_from(sorted(_VALUES)).flatmap(_directive)
_OTHER = st.sampled_from(["", "   ", "# a comment", "  # one more", "\t", "\r"])
_HOST = (
    st.lists(st.sampled_from(_PATTERNS), min_size=1, max_size=3)
    .map(" ".join)
    .flatmap(lambda value: _line("Host", value))
)
_MATCH = st.sampled_from(_CRITERIA).flatmap(lambda value: _line("Match", value))
_BLOCK = st.builds(lambda head, body: [head, *body], _HOST | _HOST | _MATCH, st.lists(_DIRECTIVES | _OTHER, max_size=4))
CONFIGURATIONS = st.builds(
    lambda head, blocks: "\n".join([*head, *(line for block in blocks for line in block)]) + "\n",
    st.lists(_DIRECTIVES | _OTHER, max_size=2),
    st.lists(_BLOCK, min_size=1, max_size=4),
)
"""Mostly valid ones: one bad line and ssh refuses the whole file."""
NAMES = st.sampled_from(["10.106.1.40", "i-0123456789abcdef0", "web-1", "bastion", "WEB-1"])
Asked = Callable[[Path, str], Said]
