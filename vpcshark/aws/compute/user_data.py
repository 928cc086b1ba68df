"""The user data of a launched capture host: a watchdog that shuts the machine down when its heartbeat stops. Pure.

cloud-init runs user data that begins with "#!" once, at the end of the first boot, and what lies in its folder
scripts/per-boot at the end of each (https://docs.cloud-init.io/en/latest/explanation/format.html, "User-data script";
module scripts_per_boot). A shutdown terminates the host, because it is launched with
InstanceInitiatedShutdownBehavior=terminate. Needs no credentials, no network and no Python. Must not know EC2's calls.
"""

from __future__ import annotations

import gzip
import zlib
from email import encoders, message_from_bytes, policy
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText

PAUSE = 15.0  # seconds between two looks
MOST = 16 * 1024  # bytes that EC2 takes, before base64
_KINDS = (b"#!", b"#cloud-config", b"#include", b"#cloud-boothook", b"#part-handler", b"## template: jinja")
_IS_MIME = b"mime-version:"  # where cloud-init finds that in the first 4,096 bytes, it takes all for a MIME message
_UNCHANGED = policy.compat32.clone(mangle_from_=False)

_SCRIPT = """\
#!/bin/sh
# A capture host of vpcshark. It shuts down, and is terminated by that, when no capture has renewed its heartbeat for
# {silence} seconds. The heartbeat is a number: the uptime in seconds at which to shut down.
heartbeat={heartbeat}
boot=/var/lib/cloud/scripts/per-boot

uptime_now() {{
    read -r uptime_seconds uptime_rest < /proc/uptime
    echo "${{uptime_seconds%%.*}}"
    : "$uptime_rest"
}}

watch() {{
    end=$(($(uptime_now) + {silence}))
    while [ "$(uptime_now)" -lt "$end" ]; do
        sleep {pause}
        said=
        read -r said < "$heartbeat"
        # It has leading zeros; what is no number is passed over.
        said=${{said#"${{said%%[!0]*}}"}}
        case $said in
            '' | *[!0-9]*) ;;
            *) end=$said ;;
        esac
    done
    while :; do
        shutdown -h now || poweroff
        sleep 30
    done
}}

if [ -d "$boot" ] && [ ! -e "$boot/vpcshark-heartbeat" ]; then
    cp "$0" "$boot/vpcshark-heartbeat" && chmod 755 "$boot/vpcshark-heartbeat"
fi
mkdir -p "${{heartbeat%/*}}"
echo 0 > "$heartbeat.new"
chmod 666 "$heartbeat.new" # whoever captures may write it, also without root; the folder is root's alone
mv "$heartbeat.new" "$heartbeat"
(
    trap '' HUP
    watch
) < /dev/null > /dev/null 2>&1 &
"""


def script(*, heartbeat: str, silence: float, pause: float = PAUSE) -> str:
    """The user data as text: plain POSIX sh. ``heartbeat`` is the file that a receiver writes; after
    ``silence`` without that the host ends. Times are seconds, whole ones but for ``pause``."""
    return _SCRIPT.format(heartbeat=heartbeat, silence=int(silence), pause=f"{pause:g}")


def beside(theirs: bytes, script: str) -> bytes | None:
    """``script`` and somebody else's user data as one, whatever of cloud-init's formats theirs is in: a MIME message of
    both, the script first, gzipped where EC2 would not take it else. None where cloud-init would not know theirs, or
    both are too much for EC2.

    cloud-init looks through MIME parts at any depth, tells what is text/plain by how it begins, and unpacks gzip
    (https://docs.cloud-init.io/en/latest/explanation/format.html; cloudinit/user_data.py).
    """
    part = _part_of(theirs)
    if part is None:
        return None
    ours = MIMEText(script, "x-shellscript", "us-ascii")
    ours.add_header("Content-Disposition", "attachment", filename="000-vpcshark")  # scripts run in order of their names
    both = MIMEMultipart()
    both.attach(ours)
    both.attach(part)
    whole = both.as_bytes(policy=_UNCHANGED)
    packed = whole if len(whole) <= MOST else gzip.compress(whole)
    return packed if len(packed) <= MOST else None


def _part_of(theirs: bytes) -> Message | None:
    try:
        plain = gzip.decompress(theirs) if theirs[:2] == b"\x1f\x8b" else theirs
    except (OSError, EOFError, zlib.error):
        return None
    if _IS_MIME in plain[:4096].lower():
        return message_from_bytes(plain)
    if not plain.lstrip().lower().startswith(_KINDS):
        return None
    part = MIMENonMultipart("text", "plain")
    part.set_payload(plain)
    encoders.encode_base64(part)
    return part
