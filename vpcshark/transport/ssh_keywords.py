"""The keywords of ssh_config(5) that are read without an OpenSSH client, and which values of each are valid: OpenSSH
refuses a whole configuration for one bad value, also of a keyword that makes no difference here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

WAYS = ("proxyjump", "proxycommand")
WHOLE = ("proxycommand", "localcommand", "remotecommand")  # the rest of the line, with all quotes and comments
ALIASES = {"pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms", "identityfile2": "identityfile"}
_FLAG = re.compile("yes|no|true|false", re.IGNORECASE)
_NUMBER = re.compile("[0-9]{1,9}")
_PLAIN = re.compile(r"[^%$]+")
_ANY = re.compile(r".+", re.DOTALL)
_JUMP = re.compile(r"none|(?:(?:[\w.-]+@)?(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?)", re.ASCII | re.IGNORECASE)
_CIPHERS = "3des-cbc aes128-cbc aes192-cbc aes256-cbc aes128-ctr aes192-ctr aes256-ctr aes128-gcm@openssh.com \
aes256-gcm@openssh.com chacha20-poly1305@openssh.com"
_MACS = "hmac-sha1 hmac-sha2-256 hmac-sha2-512 umac-64@openssh.com umac-128@openssh.com hmac-sha1-etm@openssh.com \
hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com umac-64-etm@openssh.com umac-128-etm@openssh.com"
_KEX = "curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521 \
diffie-hellman-group-exchange-sha256 diffie-hellman-group16-sha512 diffie-hellman-group18-sha512 \
diffie-hellman-group14-sha256 diffie-hellman-group14-sha1 sntrup761x25519-sha512@openssh.com"
_KEYS = "ssh-ed25519 ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 rsa-sha2-256 rsa-sha2-512 ssh-rsa \
sk-ssh-ed25519@openssh.com sk-ecdsa-sha2-nistp256@openssh.com"
_LISTS = {
    "ciphers": frozenset(_CIPHERS.split()),
    "macs": frozenset(_MACS.split()),
    "kexalgorithms": frozenset(_KEX.split()),
    "hostkeyalgorithms": frozenset(_KEYS.split()),
    "pubkeyacceptedalgorithms": frozenset(_KEYS.split()),
    "casignaturealgorithms": frozenset(_KEYS.split()),
}
_FLAGS = "batchmode checkhostip compression exitonforwardfailure forwardx11 forwardx11trusted gssapiauthentication \
gssapidelegatecredentials hashknownhosts hostbasedauthentication identitiesonly kbdinteractiveauthentication \
passwordauthentication permitlocalcommand tcpkeepalive visualhostkey"
_ONE = {  # one argument, which is all of this
    **dict.fromkeys(("hostkeyalias", "user", "ignoreunknown", "bindaddress", "pkcs11provider", "forwardagent"), _PLAIN),
    **dict.fromkeys(("identityfile", "certificatefile", "identityagent", "controlpath"), _ANY),
    "hostname": re.compile("(?:[^%$]|%[%h])+"),
    "port": re.compile("[1-9][0-9]{0,3}|[1-5][0-9]{4}"),
    "addressfamily": re.compile("any|inet|inet6", re.IGNORECASE),
    "addkeystoagent": re.compile("yes|no|ask|confirm", re.IGNORECASE),
    "controlmaster": re.compile("yes|no|ask|auto|autoask", re.IGNORECASE),
    "controlpersist": re.compile("yes|no|[0-9]{1,6}[smhd]?", re.IGNORECASE),
    "loglevel": re.compile("quiet|fatal|error|info|verbose|debug[123]?", re.IGNORECASE),
    "requesttty": re.compile("yes|no|auto|force", re.IGNORECASE),
    "stricthostkeychecking": re.compile("yes|no|ask|off|accept-new", re.IGNORECASE),
    "updatehostkeys": re.compile("yes|no|ask", re.IGNORECASE),
    "canonicalizehostname": re.compile("no", re.IGNORECASE),
    **dict.fromkeys(_FLAGS.split(), _FLAG),
    **dict.fromkeys(("serveraliveinterval", "connecttimeout"), re.compile("[0-9]{1,6}[smh]?")),
    **dict.fromkeys(
        ("serveralivecountmax", "numberofpasswordprompts", "connectionattempts"), re.compile("[1-9][0-9]?")
    ),
}
_MANY: dict[str, re.Pattern[str]] = {
    "userknownhostsfile": re.compile(r"[^%$]+"),
    "globalknownhostsfile": re.compile(r"[^%$]+"),
    "sendenv": re.compile(r"-?[\w*?]+"),
    "setenv": re.compile(r"\w+=[^%$]*"),
}
_USED = "hostname user port identityfile certificatefile identityagent identitiesonly hostkeyalias userknownhostsfile \
globalknownhostsfile"
USED = frozenset([*_USED.split(), *_LISTS])


def is_known(keyword: str) -> bool:
    """Is the keyword read here?"""
    return ALIASES.get(keyword, keyword) in {*_ONE, *_MANY, *_LISTS, *WAYS, *WHOLE, "host", "match", "include"}


def problem(keyword: str, values: Sequence[str]) -> str | None:
    """What is not known here of a line; None if nothing."""
    if not is_known(keyword):
        return f"the keyword {keyword} is not known"
    if keyword in WHOLE:
        return None if values[0] else "it has no argument"
    if keyword in _MANY:
        alone = len(values) == 1 or "none" not in {value.lower() for value in values}
        return None if alone and all(map(_MANY[keyword].fullmatch, values)) else "its arguments are not known"
    if len(values) != 1:
        return "it has more than one argument"
    return None if _VALID.get(keyword, _is_one)(keyword, values[0]) else f"{keyword} of that kind is not known"


def normal(keyword: str, value: str) -> str:
    """The value as ``ssh -G`` shows it."""
    if keyword == "identitiesonly":
        return "yes" if value.lower() in ("yes", "true") else "no"
    return value.lower() if keyword == "hostkeyalias" else value


def _is_one(keyword: str, value: str) -> bool:
    return _ONE[keyword].fullmatch(value) is not None


def _is_list(keyword: str, value: str) -> bool:
    """No ``+``, ``-`` or ``^``: what OpenSSH's own defaults are, its version decides."""
    return all(name in _LISTS[keyword] for name in value.split(","))


def _is_jump(_: str, value: str) -> bool:
    jumps = value.split(",")
    return all(map(_JUMP.fullmatch, jumps)) and (len(jumps) == 1 or "none" not in value.lower().split(","))


_VALID: dict[str, Callable[[str, str], bool]] = {**dict.fromkeys(_LISTS, _is_list), "proxyjump": _is_jump}
