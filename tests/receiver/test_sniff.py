"""The stand-in for tcpdump, beside tcpdump on the same interface: what it takes is what that takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# In a network namespace of its own: two captures of one end of a veth pair, and frames that the other end sends.
SIDE_BY_SIDE = """
import json, signal, socket, struct, subprocess, sys
from vpcshark import receiver

def ip(words):
    subprocess.run(["ip", *words.split()], check=True)

ip("link add va0 type veth peer name vb0")
for name in ("va0", "vb0"):
    ip(f"link set {name} addrgenmode none")
    ip(f"link set {name} up")
snaplen, frames = int(sys.argv[1]), [bytes.fromhex(one) for one in json.loads(sys.argv[2])]
commands = {
    "sniff": receiver.sniffer_command(sys.executable, "vb0", snaplen, None),
    "tcpdump": ["tcpdump", "-i", "vb0", "-n", "-s", str(snaplen), "-w", "-", "-U", "--immediate-mode"],
}
running = {
    name: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for name, command in commands.items()
}
for process in running.values():
    assert any(b"listening on" in line for line in iter(process.stderr.readline, b""))
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind(("va0", 0))
for frame in frames:
    sender.send(frame)
found = {}
for name, process in running.items():
    process.stdout.read(24)
    found[name] = []
    while len(found[name]) < len(frames):
        kept, length = struct.unpack("<8xII", process.stdout.read(16))
        found[name].append((length, process.stdout.read(kept).hex()))
    process.send_signal(signal.SIGTERM)
    process.communicate()
print(json.dumps(found))
"""
ADDRESSES = bytes.fromhex("020000000002 020000000001")
INNER = bytes.fromhex("88b5") + bytes(range(60))
FRAMES = {
    "untagged": ADDRESSES + INNER,
    "802.1Q": ADDRESSES + bytes.fromhex("81000007") + INNER,
    "802.1Q with priority and DEI": ADDRESSES + bytes.fromhex("8100f007") + INNER,
    "a priority tag alone": ADDRESSES + bytes.fromhex("81006000") + INNER,
    "802.1ad before 802.1Q": ADDRESSES + bytes.fromhex("88a80011 81000007") + INNER,
    "802.1Q twice": ADDRESSES + bytes.fromhex("81000011 81000007") + INNER,
}


@pytest.mark.root
@pytest.mark.parametrize("snaplen", [262144, 40, 14])
def test_frames_have_the_tags_that_they_had_on_the_wire(snaplen: int) -> None:
    """Pods behind a trunk interface differ in nothing else; the length counts the tag, and a snaplen cuts behind it."""
    sent = json.dumps([frame.hex() for frame in FRAMES.values()])
    command = ["unshare", "--net", sys.executable, "-c", SIDE_BY_SIDE, str(snaplen), sent]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["sniff"] == found["tcpdump"]
    assert found["sniff"] == [[len(frame), frame[:snaplen].hex()] for frame in FRAMES.values()]
