#!/bin/sh
# In a Debian that may be thrown away, as root: lintian's word on a .deb, then it is installed, looked at as its users do,
# and purged. Ends with a sentence at the first thing that is wrong.   try_deb.sh FILE.deb
set -eu
deb=$1
export DEBIAN_FRONTEND=noninteractive

fail() {
    echo "$*" >&2
    exit 1
}

# What is named after it, but for the checkout, the package itself and the pages that man has formatted and keeps.
named() {
    find / -xdev -name '*vpcshark*' ! -path '/root/vpcshark*' ! -path '/home/tester/vpcshark*' ! -path '/srv/*' \
        ! -path '/var/cache/man/*' | sort
}

rows() {
    setpriv --reuid tester --regid tester --init-groups env HOME=/home/tester tshark -D | grep -c '\. aws-choose' || :
}

apt-get update -qq
apt-get install -y -qq --no-install-recommends lintian man-db bash-completion >/dev/null
lintian --fail-on error,warning --tag-display-limit 0 "$deb"
[ "$(rows)" = 0 ] || fail "It was listed before."
before=$(named)

apt-get install -y -qq --no-install-recommends "$deb" >/dev/null
[ "$(rows)" = 1 ] || fail "tshark -D does not list it once."
vpcshark --version
man vpcshark 2>/dev/null | grep -q 'vpcshark capture' || fail "man vpcshark does not show it."
bash -ic '. /usr/share/bash-completion/bash_completion; _completion_loader vpcshark; complete -p vpcshark' 2>/dev/null |
    grep -q argcomplete || fail "bash has no completion for it."
vpcshark doctor | grep -E 'launcher: .*/wireshark/extcap/vpcshark answers' || fail "doctor does not find the launcher."
setpriv --reuid tester --regid tester --init-groups env HOME=/home/tester vpcshark interfaces 2>&1 | grep '^vpcshark: ' ||
    fail "vpcshark interfaces does not say what is missing."

apt-get install -y -qq --reinstall "$deb" >/dev/null
[ "$(rows)" = 1 ] || fail "After it was installed again tshark -D does not list it once."

# Wireshark's list goes on being prepared when tshark has ended, and keeps a log in the user's cache.
while pgrep -u tester >/dev/null; do sleep 0.2; done
rm -rf /root/.cache /root/.local /root/.config /home/tester/.cache /home/tester/.local /home/tester/.config
apt-get purge -y -qq vpcshark >/dev/null
[ "$(rows)" = 0 ] || fail "tshark -D lists it after it was purged."
[ "$(named)" = "$before" ] || fail "Left behind: $(named)"
echo "The .deb installs, is listed, and leaves nothing."
