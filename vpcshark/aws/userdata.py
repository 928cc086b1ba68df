"""The user data of a launched capture host: a watchdog that shuts the machine down when its heartbeat stops. Pure.

cloud-init runs user data that begins with "#!" once, at the end of the first boot, and what lies in its folder
scripts/per-boot at the end of each (https://docs.cloud-init.io/en/latest/explanation/format.html, "User-data script";
module scripts_per_boot). A shutdown terminates the host, because it is launched with
InstanceInitiatedShutdownBehavior=terminate. Needs no credentials, no network and no Python. Must not know EC2's calls.
"""

from __future__ import annotations

from vpcshark.receiver.heartbeat import HEARTBEAT, SILENCE

PAUSE = 15.0  # seconds between two looks

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


def script(*, heartbeat: str = HEARTBEAT, silence: float = SILENCE, pause: float = PAUSE) -> str:
    """The user data as text: plain POSIX sh. Times are seconds, whole ones but for ``pause``."""
    return _SCRIPT.format(heartbeat=heartbeat, silence=int(silence), pause=f"{pause:g}")
