"""How fast SSH is here, beside Wireshark's sshdump and the ssh client: the same sshd, key, file and reader in one run.

``bench_transport.py [MB] [ROUNDS]`` starts an sshd on loopback and prints a line per way, with medians
and ratios. Every way's bytes go through a FIFO into the same reader, which stands in for Wireshark.

The first packet is that of the whole product, so it needs root and the lab: from the start of tshark until it shows a
packet of an instance that talks all the time, mode tcpdump over SSH, beside tshark on sshdump with the same user, key
and instance. sshdump is measured as it comes, and with tcpdump in immediate mode, which it does not ask for.
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
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from hands import VPCSHARK, Lab, parse_exports  # noqa: E402

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
            first_packets(folder, rounds)
        finally:
            sshd.process.terminate()
            sshd.process.wait()


def compare(sshd: Sshd, folder: Path, megabytes: int, rounds: int) -> None:
    """Throughput."""
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


def first_packets(folder: Path, rounds: int) -> None:
    """In a lab of its own; the lines say how much later vpcshark is."""
    lab = Lab({**os.environ, **parse_exports(vpcshark("lab", "start"))})
    try:
        seconds = compare_first_packets(lab, folder, rounds)
    finally:
        lab.run(*VPCSHARK, "lab", "stop")
    ours = seconds["vpcshark"]
    for name, taken in seconds.items():
        print(f"{name:24} {taken:7.3f} s to the first packet   vpcshark {ours - taken:+.3f} s")  # noqa: T201


def vpcshark(*words: str) -> str:
    """What a command says that must succeed."""
    return subprocess.run([*VPCSHARK, *words], text=True, stdout=subprocess.PIPE, check=True).stdout


def compare_first_packets(lab: Lab, folder: Path, rounds: int) -> dict[str, float]:
    """Way -> the median of its seconds, the ways taking turns."""
    env, eni = lab.environment, lab.eni("web-1")
    address = eni["PrivateIpAddress"]
    # sshdump trusts ~/.ssh/known_hosts, and needs it to have the address.
    known = Path(env["VPCSHARK_SSH_KNOWN_HOSTS"]).read_text().split()
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "known_hosts").write_text(f"{address} {' '.join(known[1:3])}\n")
    login = {"remotehost": address, "remoteusername": "ec2-user", "sshkey": env["VPCSHARK_SSH_KEY"]}
    remote = {"remoteinterface": "eth0", "remotefilter": "not port 22", "remotesudo": "true"}
    immediate = "sudo tcpdump -i eth0 -U --immediate-mode -w - not port 22"
    other = {"remotecapturecommandselect": "other", "remotecapturecommand": immediate}
    ways = {
        "vpcshark": ("vpcshark", eni["NetworkInterfaceId"], {"mode": "tcpdump", "connection": "ssh"}),
        "sshdump": ("sshdump", "sshdump", {**login, **remote}),
        "sshdump, immediate mode": ("sshdump", "sshdump", {**login, **other}),
    }
    environment = {**env, "HOME": str(home)}
    vpcshark_is_known(environment)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):  # the first round warms up: files in memory, what vpcshark knows of the ENI
        for name, (_, interface, options) in ways.items():
            taken = first_packet(interface, options, environment)
            if number:
                found[name].append(taken)
    return {name: statistics.median(taken) for name, taken in found.items()}


def vpcshark_is_known(environment: dict[str, str]) -> None:
    """The list was shown before, as it is when somebody chooses an ENI in it."""
    subprocess.run(["tshark", "-D"], env=environment, check=True, capture_output=True)
    subprocess.run(
        [sys.executable, "-m", "vpcshark.extcap", "--vpcshark-refresh=wait"],
        env=environment, check=True, capture_output=True,
    )  # fmt: skip


def first_packet(interface: str, options: dict[str, str], environment: dict[str, str]) -> float:
    """Seconds from tshark's start to its first packet."""
    preferences = [
        word
        for name, value in options.items()
        for word in ("-o", f"extcap.{interface.replace('-', '_')}.{name}:{value}")
    ]
    command = ["tshark", "-l", "-n", "-i", interface, *preferences, "-T", "fields", "-e", "frame.number"]
    start = time.monotonic()
    tshark = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert tshark.stdout
    alarm = threading.Timer(60, tshark.kill)
    alarm.start()
    line = tshark.stdout.readline()
    taken = time.monotonic() - start
    alarm.cancel()
    tshark.send_signal(signal.SIGINT)
    said = tshark.communicate(timeout=60)[1]
    assert line.strip() == "1", said
    return taken


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
