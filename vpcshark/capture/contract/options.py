"""The options of one capture, checked and typed. The table that users see them through is vpcshark/options/table.py.

Must not know Wireshark's sentences or the command line.
"""

from __future__ import annotations

from dataclasses import dataclass

from vpcshark.capture.contract.host import Auto, Host


@dataclass(frozen=True)
class CaptureOptions:
    """What the user asked for. The defaults are those of a plain double-click.

    ``host`` is the capture host, or what leads to several. A launched one is of ``host_type``, or from the launch
    template ``host_template`` (id or name, with :version), with the instance profile ``host_role``, logged in to from
    the block ``host_ssh_from`` ("": this machine's), and stays ``keep`` minutes for the next capture. ``direction`` is
    "both", "in" or "out", as the source sees it; ``mirror_filter`` "auto" or the id of an existing
    filter (tmf-…). ``vni`` 0..2^24-1, ``session_number`` 1..32766 and ``packet_length`` (bytes of inner frame) may be
    None: random, the lowest free one, the whole packet. ``user_filter`` is the capture filter as the user wrote it,
    pcap-filter(7) text for the inner frame; ``max_duration`` in seconds ends a forgotten capture. ``connection`` is the
    way to a host: "auto", "ssh", "eic", "ssm" or "eice". ``preflight``: look at the way of the frames first, and make
    nothing where it is closed; ``open_security_group``: add the one rule that is missing for the time of the capture.
    ``ssh_key`` is a key file; no other key is used in its place. ``decap``: what is inside VXLAN instead of it (mode
    "tcpdump"). ``tls_keylog`` is a path on the source's instance. ``begin`` and ``follow``: from when on records are
    read (mode "flowlogs"), and whether those that come later are too.
    """

    mode: str = "auto"
    begin: str = "15m"
    follow: bool = False
    direction: str = "both"
    mirror_filter: str = "auto"
    host: Host = Auto()  # noqa: RUF009 - frozen
    host_type: str = "t4g.small"
    host_template: str = ""
    host_role: str = ""
    host_ssh_from: str = ""
    host_public_ip: bool = False
    keep: int = 0
    user_filter: str = ""
    vni: int | None = None
    session_number: int | None = None
    packet_length: int | None = None
    description: str = ""
    dns: bool = True
    preflight: bool = True
    open_security_group: bool = False
    names: bool = True
    max_duration: int = 8 * 3600
    profile: str = ""
    region: str = ""
    connection: str = "auto"
    decap: bool = False
    tls_keylog: str = ""
    ssh_user: str = ""
    ssh_key: str = ""
    ssh_port: int = 22
    ssh_known_hosts: str = ""
    log_level: str = "info"
    log_file: str = ""

    @property
    def effective_filter(self) -> str:
        """The user's filter with the direction in it, which is what libpcap and AWS are told."""
        word = {"in": "inbound", "out": "outbound"}.get(self.direction, "")
        if not word or not self.user_filter.strip():
            return word or self.user_filter
        return f"{word} and ({self.user_filter})"
