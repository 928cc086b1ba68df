"""The one table of options: dialog (dialog.py), command line (command_line.py), environment and checks come from it.

Sources, strongest first: command line (Wireshark passes the dialog's and ``-o``'s values there), environment
(``VPCSHARK_VNI``), default. Must not know how a capture works, nor import anything but the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping

from vpcshark.options.option import Kind, Option

OPTIONS = (
    Option(
        name="mode",
        group="Capture",
        kind=Kind.SELECTOR,
        display="Mode",
        tooltip="How packets are captured. Mirror: VPC Traffic Mirroring copies them to a capture host, "
        "and the copies travel as VXLAN; the instance is not touched. tcpdump: it runs on the instance "
        "itself. Flow logs: records that AWS keeps, as frames (NAT gateways, transit gateways, RDS). "
        "Automatic: a mirror, or tcpdump where AWS does not mirror or nothing can receive it, or flow logs where "
        "nobody can log in either; several ENIs at once are always a mirror.",
        default="auto",
        choices=(
            ("auto", "Automatic"),
            ("mirror", "Mirror (VPC Traffic Mirroring)"),
            ("tcpdump", "tcpdump on the instance"),
            ("flowlogs", "Flow logs (records, no packets)"),
        ),
    ),
    Option(
        name="direction",
        group="Capture",
        kind=Kind.SELECTOR,
        display="Direction",
        tooltip="Which packets are mirrored, as the source sees them. Inbound or outbound alone halves what the copies "
        "take of the instance's bandwidth.",
        default="both",
        choices=(("both", "Inbound and outbound"), ("in", "Inbound only"), ("out", "Outbound only")),
    ),
    Option(
        name="packet-length",
        group="Capture",
        kind=Kind.UNSIGNED,
        display="Packet length",
        tooltip="How many bytes of each packet AWS mirrors, counted from its Ethernet header. Fewer bytes cost less "
        "bandwidth, which the copies share with the instance, but their checksums can't be "
        "checked. At least 35, and 55 for IPv6. Empty: whole packets.",
        limits=(35, 8500),
        placeholder="whole packets",
    ),
    Option(
        name="max-duration",
        group="Capture",
        kind=Kind.UNSIGNED,
        display="Longest duration (seconds)",
        tooltip="A forgotten capture ends after this time, and its mirror session with it, so that it stops costing "
        "money. Empty: 28800 (8 hours).",
        default="28800",
        limits=(1, 604800),
        placeholder="28800 (8 hours)",
    ),
    Option(
        name="names",
        group="Capture",
        kind=Kind.BOOLEAN,
        display="Resolve names of instances",
        tooltip="Write the Name tags of the VPC's instances into the capture, so that Wireshark shows web-1 for "
        "10.1.0.105 (View, Name Resolution, Resolve Network Addresses).",
        default="true",
    ),
    Option(
        name="vni",
        group="Mirror",
        kind=Kind.UNSIGNED,
        display="VNI",
        tooltip="The VXLAN network identifier of the mirror session, by which the capture host tells copies of "
        "different sessions apart; several ENIs get consecutive ones from it on. Empty: random ones that are free.",
        limits=(0, 16777215),
        placeholder="a random one",
    ),
    Option(
        name="session-number",
        group="Mirror",
        kind=Kind.UNSIGNED,
        display="Session number",
        tooltip="An ENI can have three mirror sessions; a packet goes to the one with the lowest number whose filter "
        "accepts it, and to no other. Empty: the lowest number that is free.",
        limits=(1, 32766),
        placeholder="lowest free",
    ),
    Option(
        name="mirror-filter",
        group="Mirror",
        kind=Kind.SELECTOR,
        display="Mirror filter",
        tooltip="What AWS lets through to the capture host. From the capture filter: rules are made of it, and deleted "
        "at the end. An existing mirror filter is used as it is and stays; the capture filter "
        "still decides what Wireshark gets. Reload lists those of the region.",
        default="auto",
        choices=(("auto", "From the capture filter"),),
        pattern=r"auto|tmf-[0-9a-f]+",
        meaning="auto or the id of a mirror filter (tmf-…)",
        placeholder="List existing mirror filters",
        reload=True,
    ),
    Option(
        name="dns",
        group="Mirror",
        kind=Kind.BOOLEAN,
        display="Include DNS to the VPC's resolver",
        tooltip="Traffic to the VPC's own DNS resolver is mirrored only if the filter names the network service "
        "amazon-dns. On: it does.",
        default="true",
    ),
    Option(
        name="description",
        group="Mirror",
        kind=Kind.STRING,
        display="Description",
        tooltip="What colleagues read in the VPC console beside the mirror session while it runs, behind the capture's "
        "id.",
        pattern=r"[^\r\n]{1,255}",
        meaning="one line of at most 255 characters",
        placeholder="capture by USER@HOST",
    ),
    Option(
        name="host",
        group="Capture host",
        kind=Kind.SELECTOR,
        display="Capture host",
        tooltip="The machine that the copies are sent to. Automatic: an instance tagged vpcshark:capture-host "
        "that [hosts] of the settings allow, or that has an instance profile vpcshark-*. It "
        "must be reachable from the source on UDP 4789. Launch one: in the source's subnet, for this capture "
        "alone; it costs by the second and goes with it. An existing mirror target (tmt-…) is used as it is and stays. "
        "A Network Load Balancer (lb:NAME or its ARN) or a Gateway Load Balancer's endpoint (vpce-…): all hosts behind "
        "it receive, as one capture; name them (…@i-…,i-…) where they are another account's. "
        "Reload lists running instances and mirror targets.",
        default="auto",
        choices=(
            ("auto", "Automatic (by its tag)"),
            ("local", "This machine"),
            ("launch", "Launch one for this capture"),
        ),
        pattern=r"auto|local|launch|i-[0-9a-f]+|"
        r"(tmt-[0-9a-f]+|vpce-[0-9a-f]+|lb:[A-Za-z0-9-]{1,32}|arn:[a-z-]+:elasticloadbalancing:[\w:/-]+)"
        r"(@i-[0-9a-f]+(,i-[0-9a-f]+)*)?",
        meaning="auto, local, launch, an instance id (i-…), a mirror target (tmt-…), a load balancer (lb:NAME) or its "
        "endpoint (vpce-…)",
        placeholder="List instances and targets",
        reload=True,
    ),
    Option(
        name="keep",
        group="Launch",
        kind=Kind.UNSIGNED,
        display="Keep for (minutes)",
        tooltip="How long a launched capture host waits for your next capture, which then starts at once. It costs as "
        "long as it stands, and ends by itself. Empty: it goes with the capture.",
        default="0",
        limits=(0, 1440),
        placeholder="it goes with the capture",
    ),
    Option(
        name="host-type",
        group="Launch",
        kind=Kind.STRING,
        display="Instance type",
        tooltip="The type of a launched capture host: arm64 (t4g, c7gn) or x86 (t3, c6in). Larger ones receive more "
        "per second. Empty: t4g.small.",
        default="t4g.small",
        pattern=r"[a-z0-9-]+\.[a-z0-9-]+",
        meaning="an instance type such as t4g.small",
        placeholder="t4g.small",
    ),
    Option(
        name="host-template",
        group="Launch",
        kind=Kind.STRING,
        display="Launch template",
        tooltip="Launch the capture host from this launch template (its id or name, with :version behind it if not the "
        "default one). Its image, type, security groups and user data are used; it ends like any launched host.",
        pattern=r"[A-Za-z0-9().\-/_]{3,128}(:([0-9]+|\$Latest|\$Default))?",
        meaning="the id or the name of a launch template, with :VERSION",
        placeholder="none",
    ),
    Option(
        name="host-role",
        group="Launch",
        kind=Kind.STRING,
        display="Instance profile",
        tooltip="The instance profile (its name or ARN) of a launched capture host. Session Manager needs one with "
        "AmazonSSMManagedInstanceCore; no other connection needs any.",
        pattern=r"[\w+=,.@:/-]{1,2048}",
        meaning="the name or the ARN of an instance profile",
        placeholder="none",
    ),
    Option(
        name="host-ssh-from",
        group="Launch",
        kind=Kind.STRING,
        display="SSH from",
        tooltip="From where a launched capture host may be logged in to, as an address block (192.0.2.7/32). Empty: "
        "from this machine's own address, and from the VPC's Instance Connect Endpoint. The whole Internet has a word "
        "of its own: anywhere.",
        pattern=r"anywhere|[0-9.]+/([89]|[12][0-9]|3[0-2])|[0-9a-fA-F:]*:[0-9a-fA-F:.]*/(1[6-9]|[2-9][0-9]|1[01][0-9]|12[0-8])",
        meaning="an address block such as 192.0.2.7/32, of /8 (IPv6: /16) or longer; or the word anywhere",
        placeholder="this machine",
    ),
    Option(
        name="host-public-ip",
        group="Launch",
        kind=Kind.BOOLEAN,
        display="Public address",
        tooltip="Give a launched capture host a public IPv4 address, for SSH from outside where no VPN, Session "
        "Manager or Instance Connect Endpoint leads into the VPC. Needs SSH from.",
        default="false",
    ),
    Option(
        name="preflight",
        group="Capture host",
        kind=Kind.BOOLEAN,
        display="Check the packets' path first",
        tooltip="Before anything is created, routes, network ACLs and security groups between the source and the "
        "capture host are checked. A capture that would stay empty doesn't start, and says which rule to change. Off: "
        "the mirror is created all the same.",
        default="true",
    ),
    Option(
        name="open-security-group",
        group="Capture host",
        kind=Kind.BOOLEAN,
        display="Open the security group for the capture",
        tooltip="Where the capture host's security groups do not admit UDP 4789 from the source, add that one rule, "
        "tagged, for the time of the capture. It is removed with the mirror session.",
        default="false",
    ),
    Option(
        name="decap",
        group="Capture",
        kind=Kind.BOOLEAN,
        display="Decapsulate VXLAN",
        tooltip="With tcpdump: show the frames inside VXLAN instead of it, for an instance that is a mirror target "
        "itself. The capture filter then speaks of those, and their direction cannot be told.",
        default="false",
    ),
    Option(
        name="tls-keylog",
        group="Capture",
        kind=Kind.STRING,
        display="TLS key log on the instance",
        tooltip="A file on the source's instance that a program there writes its TLS secrets to (SSLKEYLOGFILE). It is "
        "followed, and its lines go into the capture, so that Wireshark decrypts at once.",
        pattern=r"/[^\0\r\n]{1,1024}",
        meaning="an absolute path",
        placeholder="none",
    ),
    Option(
        name="from",
        group="Capture",
        kind=Kind.STRING,
        display="Flow logs from",
        tooltip="From when on records are read in mode flow logs: 15m, 2h, 3d (before now), or a time such as "
        "2026-05-01T12:00:00Z. AWS delivers records 6 to 20 minutes late.",
        default="15m",
        pattern=r"[0-9]{1,6}[smhd]|[0-9]{4}-[0-9T:. Z+-]{6,40}|[0-9]{9,11}",
        meaning="a time such as 15m or 2026-05-01T12:00:00Z",
        placeholder="15m",
    ),
    Option(
        name="follow",
        group="Capture",
        kind=Kind.BOOLEAN,
        display="Flow logs: follow",
        tooltip="In mode flow logs: look for new records each half minute, until the capture is stopped. Otherwise it "
        "ends with the records that are there.",
        default="false",
    ),
    Option(
        name="connection",
        group="Connection",
        kind=Kind.SELECTOR,
        display="Connection",
        tooltip="The way to the machine that captures. Automatic: SSH, Instance Connect, Session Manager and the "
        "Instance Connect Endpoint are tried side by side, and the first that works is used.",
        default="auto",
        choices=(
            ("auto", "Automatic"),
            ("ssh", "SSH"),
            ("eic", "SSH with EC2 Instance Connect"),
            ("ssm", "SSH over Session Manager (SSM)"),
            ("eice", "SSH over an EC2 Instance Connect Endpoint"),
        ),
    ),
    Option(
        name="ssh-user",
        group="Connection",
        kind=Kind.STRING,
        display="SSH user",
        tooltip="The user to log in as on the capture host; it needs sudo without a password, or to be root. "
        "Amazon Linux: ec2-user; Ubuntu: ubuntu; Debian: admin. Empty: as the SSH configuration, the instance's tag "
        "or its image says.",
        pattern=r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*",
        meaning="a user name",
        placeholder="from the SSH configuration",
    ),
    Option(
        name="ssh-key",
        group="Connection",
        kind=Kind.FILE,
        display="SSH private key",
        tooltip="The private key file for the capture host. Empty: the keys of the SSH agent and the usual files. "
        "A key with a passphrase must be in the agent (ssh-add): there is no one to ask here.",
        must_exist=True,
    ),
    Option(
        name="ssh-port",
        group="Connection",
        kind=Kind.UNSIGNED,
        display="SSH port",
        tooltip="The TCP port of the capture host's SSH server. Empty: as the SSH configuration says, else 22.",
        default="22",
        limits=(1, 65535),
        placeholder="22",
    ),
    Option(
        name="ssh-known-hosts",
        group="Connection",
        kind=Kind.FILE,
        display="Known hosts file",
        tooltip="Where the keys of hosts are looked for; a changed one is refused, and so is an unknown one that AWS "
        "does not vouch for (console output, tunnels). Empty: the user's known_hosts file.",
    ),
    Option(
        name="profile",
        group="AWS",
        kind=Kind.STRING,
        display="Profile",
        tooltip="The profile of the AWS configuration whose credentials are used. Empty: as the AWS command line "
        "does it (AWS_PROFILE, else default).",
        placeholder="default",
    ),
    Option(
        name="region",
        group="AWS",
        kind=Kind.STRING,
        display="Region",
        tooltip="The AWS region of the ENI, such as eu-west-1. Empty: the profile's region.",
        pattern=r"[a-z][a-z]+(-[a-z]+)+-[0-9]+",
        meaning="an AWS region such as eu-west-1",
        placeholder="the profile's region",
    ),
    Option(
        name="log-level",
        group="Debug",
        kind=Kind.SELECTOR,
        display="Log level",
        tooltip="How much goes into the log file. No level logs packets, credentials or request bodies.",
        default="info",
        choices=(("debug", "Debug"), ("info", "Info"), ("warning", "Warning"), ("error", "Error")),
    ),
    Option(
        name="log-file",
        group="Debug",
        kind=Kind.FILE,
        display="Log file",
        tooltip="Where to log. Empty: vpcshark.log in the user's log folder.",
    ),
)

AUTO = "auto"
# What the entry "AWS: choose an ENI…" asks in addition, from the widest to the narrowest; each reloads by those before.
CHOOSER = (
    Option(
        name="profile",
        group="ENI",
        kind=Kind.SELECTOR,
        display="Profile",
        tooltip="The profile of the AWS configuration whose credentials are used. Reload lists them.",
        default=AUTO,
        choices=((AUTO, "As the AWS command line chooses"),),
        placeholder="List profiles",
        reload=True,
    ),
    Option(
        name="region",
        group="ENI",
        kind=Kind.SELECTOR,
        display="Region",
        tooltip="The AWS region to look in. Reload lists the regions that the profile can have.",
        default=AUTO,
        choices=((AUTO, "The profile's region"),),
        placeholder="List regions",
        reload=True,
    ),
    Option(
        name="vpc",
        group="ENI",
        kind=Kind.SELECTOR,
        display="VPC",
        tooltip="Which network to look in. Reload lists the VPCs of the profile and region that have ENIs.",
        default=AUTO,
        choices=((AUTO, "All VPCs"),),
        placeholder="List VPCs",
        reload=True,
    ),
    Option(
        name="eni",
        group="ENI",
        kind=Kind.SELECTOR,
        display="ENI",
        tooltip="The network interface to capture from. Reload lists those of the profile, region and VPC.",
        default=AUTO,
        choices=((AUTO, "none chosen: reload, then choose"),),
        placeholder="List ENIs",
        reload=True,
    ),
)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}
KNOWN: Mapping[str, Option] = {**{option.name: option for option in CHOOSER}, **BY_NAME}


def table(*, is_chooser: bool = False) -> tuple[Option, ...]:
    """The dialog's options in their order: an ENI's, or those of the entry that chooses one."""
    if not is_chooser:
        return OPTIONS
    asked = {option.name for option in CHOOSER}
    return (*CHOOSER, *(option for option in OPTIONS if option.name not in asked))
