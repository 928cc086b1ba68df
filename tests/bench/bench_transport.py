"""How fast SSH is here, beside Wireshark's sshdump and the ssh client: the same sshd, key, file and reader in one run.

``bench_transport.py [MB] [ROUNDS]`` starts an sshd on loopback and prints a line per way, with medians
and ratios. Every way's bytes go through a FIFO into the same reader, which stands in for Wireshark. ``first frame``
needs root: it is the time from the start until the reader has a packet, tcpdump of loopback running on the other side.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CHUNK = 1 << 20
OURS = """
import sys
from vpcshark.transport import ssh
port, key, known, command, fifo = sys.argv[1:]
transport = ssh.connect("127.0.0.1", user={user!r}, port=int(port), key_file=key, known_hosts_files=[known])
channel = transport.open(["sh", "-c", command])
with open(fifo, "wb", buffering=0) as out:
    while data := channel.read(1 << 18):
        while data:
            data = data[out.write(data):]
transport.close()
"""


class Sshd:
    """A real sshd on loopback with keys of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port, self.key, self.known = folder, port, folder / "id", folder / "known_hosts"
        for name in ("id", "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        public = (folder / "host.pub").read_text().split()
        self.known.write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
        config = folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/id.pub\nPidFile none\n"
            "StrictModes no\nUsePAM no\nPermitRootLogin yes\nMaxStartups 100\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        program = shutil.which("sshd", path=f"/usr/sbin:{os.environ['PATH']}")
        assert program, "sshd is not installed"
        self.process = subprocess.Popen([program, "-D", "-f", config, "-E", folder / "log"])
        while "listening" not in (folder / "log").read_text() if (folder / "log").exists() else True:
            time.sleep(0.01)

    def ours(self, command: str, fifo: Path) -> list[str]:
        """vpcshark's transport in a process of its own, imports and all."""
        code = OURS.format(user=os.environ.get("USER") or "root")
        return [sys.executable, "-c", code, str(self.port), str(self.key), str(self.known), command, str(fifo)]

    def client(self, command: str, fifo: Path) -> list[str]:
        """The ssh client, piping."""
        options = f"-F none -o BatchMode=yes -o UserKnownHostsFile={self.known} -i {self.key} -p {self.port}"
        return ["sh", "-c", f"exec ssh {options} 127.0.0.1 {command!r} > {fifo}"]

    def sshdump(self, command: str, fifo: Path) -> list[str]:
        """Wireshark's own; it trusts the keys in ~/.ssh/known_hosts, so it gets a home of its own."""
        found = next(iter(Path("/usr").glob("lib*/**/extcap/sshdump")))
        return [
            "env", f"HOME={self.folder}", str(found), "--capture", "--extcap-interface", "sshdump", "--fifo", str(fifo),
            "--remote-host", "127.0.0.1", "--remote-port", str(self.port), "--remote-username",
            os.environ.get("USER") or "root", "--sshkey", str(self.key), "--remote-capture-command-select", "other",
            "--remote-capture-command", command,
        ]  # fmt: skip


def transferred(command: Sequence[str], fifo: Path, enough: int) -> tuple[float, float]:
    """Run until ``enough`` bytes came through the FIFO: (seconds to the first beyond a file header, to the last)."""
    os.mkfifo(fifo)
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    got, first = 0, 0.0
    alarm = threading.Timer(120, process.kill)
    alarm.start()
    with open(fifo, "rb", buffering=0) as reader:
        while got < enough and (data := reader.read(CHUNK)):
            got += len(data)
            if got > 24 and not first:
                first = time.monotonic() - start
    last = time.monotonic() - start
    alarm.cancel()
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1]
    fifo.unlink()
    assert got >= enough, said
    return first, last


def measure(ways: dict[str, Callable[[str, Path], list[str]]], command: str, fifo: Path, enough: int, rounds: int):
    """Way -> all its (first, last), the ways taking turns."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(transferred(way(command, fifo), fifo, enough))
    return found


def main(megabytes: int = 500, rounds: int = 5) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="vpcshark-bench-") as name:
        folder = Path(name)
        sshd = Sshd(folder, 2997 + os.getpid() % 1000)
        (folder / ".ssh").mkdir()
        shutil.copy(sshd.known, folder / ".ssh" / "known_hosts")
        try:
            compare(sshd, folder, megabytes, rounds)
        finally:
            sshd.process.terminate()
            sshd.process.wait()


def compare(sshd: Sshd, folder: Path, megabytes: int, rounds: int) -> None:
    """Throughput, then the first packet."""
    ways = {"vpcshark": sshd.ours, "sshdump": sshd.sshdump, "ssh client": sshd.client}
    big, size = folder / "big.pcap", megabytes << 20
    with open(big, "wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1 << 20))
    fifo = folder / "fifo"
    speeds = {
        name: size / 1e6 / statistics.median(last - first for first, last in runs)
        for name, runs in measure(ways, f"cat {big}", fifo, size, rounds).items()
    }
    for name, speed in speeds.items():
        ratio = speeds["vpcshark"] / speed
        print(f"{name:10} {speed:7.0f} MB/s   vpcshark is {ratio:.2f} times as fast")  # noqa: T201
    first = {
        name: statistics.median(first for first, _ in runs)
        for name, runs in measure(ways, "tcpdump -i lo -U -w -", fifo, 200, rounds).items()
    }
    for name, seconds in first.items():
        print(f"{name:10} {seconds:7.3f} s to the first packet   vpcshark {first['vpcshark'] - seconds:+.3f} s")  # noqa: T201


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
