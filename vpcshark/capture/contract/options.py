"""The options of one capture, checked and typed, in groups: who needs one group takes that, not all of them.

The table that users see them through is vpcshark/options/table.py. Must not know Wireshark's sentences or the command
line.
"""

from __future__ import annotations

from dataclasses import dataclass

from vpcshark.capture.contract.host import Auto, Host


@dataclass(frozen=True)
class OwnFilter:
    """A mirror filter that is made for the capture, and goes with it."""

    def __str__(self) -> str:
        return "auto"


@dataclass(frozen=True)
class ExistingFilter:
    """A mirror filter that is there already, by its id (tmf-…): used as it is."""

    id: str

    def __str__(self) -> str:
        return self.id


MirrorFilter = OwnFilter | ExistingFilter


@dataclass(frozen=True)
class SshFrom:
    """From where a launched host lets SSH in: CIDR ``blocks``; none: from this machine's address."""

    blocks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "anywhere" if self == ANYWHERE else "".join(self.blocks)


ANYWHERE = SshFrom(("0.0.0.0/0", "::/0"))


@dataclass(frozen=True)
class PlaceOptions:
    """Where in AWS: "" is what boto3 finds."""

    profile: str = ""
    region: str = ""


@dataclass(frozen=True)
class LoginOptions(PlaceOptions):
    """How hosts are logged in to: ``connection`` is "auto", "ssh", "eic", "ssm" or "eice". ``ssh_key`` is a key file;
    no other key is used in its place."""

    connection: str = "auto"
    ssh_user: str = ""
    ssh_key: str = ""
    ssh_port: int = 22
    ssh_known_hosts: str = ""


@dataclass(frozen=True)
class LaunchOptions:
    """A launched capture host: of ``host_type``, or from the launch template ``host_template`` (id or name, with
    :version), with the instance profile ``host_role``; it stays ``keep`` minutes for the next capture."""

    host_type: str = "t4g.small"
    host_template: str = ""
    host_role: str = ""
    host_ssh_from: SshFrom = SshFrom()
    host_public_ip: bool = False
    keep: int = 0


@dataclass(frozen=True)
class MirrorOptions:
    """What is made in mode "mirror". ``vni`` 0..2^24-1 and ``session_number`` 1..32766 may be None: random, and the
    lowest free one. ``preflight``: look at the way of the frames first, and make nothing where it is closed;
    ``open_security_group``: add the one rule that is missing for the time of the capture; ``dns``: mirror traffic with
    AWS's resolver too."""

    mirror_filter: MirrorFilter = OwnFilter()
    vni: int | None = None
    session_number: int | None = None
    description: str = ""
    dns: bool = True
    preflight: bool = True
    open_security_group: bool = False


@dataclass(frozen=True)
class InstanceOptions:
    """What runs on the source's own instance. ``decap``: what is inside VXLAN instead of it (mode "tcpdump");
    ``tls_keylog`` is a path there, "" for none."""

    decap: bool = False
    tls_keylog: str = ""


@dataclass(frozen=True)
class RecordOptions:
    """From when on records are read (mode "flowlogs"), and whether those that come later are too."""

    begin: str = "15m"
    follow: bool = False


@dataclass(frozen=True)
class FilterOptions:
    """Which packets: ``direction`` is "both", "in" or "out", as the source sees it; ``user_filter`` is the capture
    filter as the user wrote it, pcap-filter(7) text for the inner frame; ``packet_length`` in bytes of inner frame,
    None for the whole packet."""

    direction: str = "both"
    user_filter: str = ""
    packet_length: int | None = None

    @property
    def effective_filter(self) -> str:
        """The user's filter with the direction in it, which is what libpcap and AWS are told."""
        word = {"in": "inbound", "out": "outbound"}.get(self.direction, "")
        if not word or not self.user_filter.strip():
            return word or self.user_filter
        return f"{word} and ({self.user_filter})"


@dataclass(frozen=True)
class LogOptions:
    """What is logged, and where: "" is the usual file."""

    log_level: str = "info"
    log_file: str = ""


@dataclass(frozen=True)
class CaptureOptions(
    FilterOptions, MirrorOptions, LaunchOptions, LoginOptions, InstanceOptions, RecordOptions, LogOptions
):
    """What the user asked for; the defaults are those of a plain double-click. Give them by their names.

    ``host`` is the capture host, or what leads to several. ``names``: name resolution blocks for the VPCs' addresses;
    ``max_duration`` in seconds ends a forgotten capture.
    """

    mode: str = "auto"
    host: Host = Auto()  # noqa: RUF009 - frozen
    names: bool = True
    max_duration: int = 8 * 3600


def mirror_filter(text: str) -> MirrorFilter:
    """The option's text, which the table has checked: auto or tmf-…. ``str`` of the result is the text again."""
    return OwnFilter() if text == "auto" else ExistingFilter(text)


def ssh_from(text: str) -> SshFrom:
    """The option's text: "", anywhere, or a CIDR block. ``str`` of the result is the text again."""
    if text == "anywhere":
        return ANYWHERE
    return SshFrom((text,) if text else ())
