#!/bin/sh
# Installs the programs that the tests run, with apt, as root; with the word demo those of the demo alone. Does nothing
# where they are all there.
set -eu
missing=
demo='tshark:tshark dumpcap:wireshark-common'
[ "$(id -u)" != 0 ] || demo="$demo tcpdump:tcpdump sshd:openssh-server ip:iproute2 nft:nftables"
tests='tshark:tshark wireshark:wireshark dumpcap:wireshark-common tcpdump:tcpdump sshd:openssh-server ssh:openssh-client
    ip:iproute2 nft:nftables Xvfb:xvfb xdotool:xdotool openbox:openbox import:imagemagick shellcheck:shellcheck
    sudo:sudo busybox:busybox dash:dash ping:iputils-ping tracepath:iputils-tracepath xwininfo:x11-utils xprop:x11-utils dbus-daemon:dbus
    zsh:zsh tcsh:tcsh bsd-csh:csh fish:fish setpriv:util-linux cc:gcc groff:groff-base
    curl:curl zstd:zstd lz4:lz4'
[ "${1-}" != demo ] || tests=$demo
for pair in $tests; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
# Has no command on the PATH: what a screen reader asks, and our tests with it.
[ "${1-}" = demo ] || [ -x /usr/libexec/at-spi-bus-launcher ] || missing="$missing at-spi2-core"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "These packages are missing and only root on Debian or Ubuntu can install them here:$missing" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # one word per package
apt-get install -y -qq --no-install-recommends $missing >/dev/null
