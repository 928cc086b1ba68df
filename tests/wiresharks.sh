#!/bin/sh
# make test-wiresharks: what Wireshark shows and does, with the Wiresharks of Debian 13 and of sid, each in a chroot in
# FOLDER, which is made where it is not there yet. Debian 13 decides; sid, which changes every day, only warns.
set -eu
folder=${1:?tests/wiresharks.sh FOLDER}
here=$(dirname "$0")

run() {
    sh "$here/chroot.sh" run "$folder/$suite" "$@"
}

try() (
    suite=$1
    sh "$here/chroot.sh" make "$suite" "$folder/$suite" &&
        run make venv &&
        run .venv/bin/python -m pytest -q tests/lab/test_wiresharks.py tests/cli/test_install.py tests/wire/bpf/test_libpcap.py \
            tests/extcap tests/e2e/test_first_packets.py tests/e2e/test_toolbar.py tests/e2e/test_named_captures.py \
            tests/e2e/test_wireshark_gui.py tests/e2e/test_wireshark_ways.py &&
        run make demo &&
        run -u make venv &&
        run -u make demo
)

try sid || echo "vpcshark has failed with the Wireshark of sid, as shown above; this decides nothing." >&2
try trixie
