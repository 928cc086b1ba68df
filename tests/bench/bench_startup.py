"""What Wireshark's start costs: one answer, and ``tshark -D`` with many ENIs, beside programs that do nothing.

    python tests/bench/bench_startup.py [--runs 100] [--enis 0,100,1000,5000] [--minutes 170]

Starts a lab, fills it with ENIs through its API, has vpcshark list them, and measures in turns, so that what else the
machine does meets all alike. The compiled C extcap prints the very texts that vpcshark's launcher prints. Growth is
judged by CPU time: sizes follow each other, so that wall time would compare one minute of a shared machine with
another. With 5,000 ENIs a run takes up to a minute: there the C extcap, which is not judged, gets a tenth of the
runs, so that all takes less than two hours. After --minutes what was measured until then is judged; the table tells how
many runs that were.
Exit status 1 if a limit is not kept.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import boto3

VPCSHARK = [sys.executable, "-m", "vpcshark"]
C_EXTCAP = r"""
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
static int is_saved(const char *name) {
    static char names[1 << 16];
    int file = open(FOLDER "/saved", O_RDONLY);
    return file < 0 || (read(file, names, sizeof names - 1) > 0 && strstr(names, name));
}
static void print(const char *path) {
    static char text[1 << 16];
    ssize_t size;
    int file = open(path, O_RDONLY);
    while ((size = read(file, text, sizeof text)) > 0) if (write(1, text, size) < 0) break;
}
int main(int count, char **words) {
    const char *name = "";
    for (int i = 1; i < count - 1; i++) if (!strcmp(words[i], "--extcap-interface")) name = words[i + 1];
    for (int i = 1; i < count; i++) {
        if (!strcmp(words[i], "--extcap-interfaces")) print(FOLDER "/interfaces");
        if (!strcmp(words[i], "--extcap-config")) print(is_saved(name) ? FOLDER "/config" : FOLDER "/config-unsaved");
        if (!strcmp(words[i], "--extcap-dlts")) print(FOLDER "/dlts");
    }
    return 0;
}
"""
LIMITS = {"config / true": 2.5, "config / sshdump": 0.5, "tshark -D / C": 1.5, "growth": 1.5}


def main() -> int:
    """Measure, print the table, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--enis", default="0,100,1000,5000")
    parser.add_argument("--minutes", type=float, default=170)
    options = parser.parse_args()
    deadline = time.monotonic() + options.minutes * 60
    sizes = [int(size) for size in options.enis.split(",")]
    lab = start_lab()
    try:
        fill(lab, max(sizes))
        with TemporaryDirectory(prefix="vpcshark-bench-") as folder:
            bench = Bench(Path(folder), lab, options.runs, deadline)
            return bench.judge(bench.answers() | bench.lists(sizes))
    finally:
        subprocess.run([*VPCSHARK, "lab", "stop"], env=lab, check=True, capture_output=True)


def start_lab() -> dict[str, str]:
    """A lab's environment."""
    started = subprocess.run([*VPCSHARK, "lab", "start"], check=True, stdout=subprocess.PIPE, text=True)
    words = [shlex.split(line) for line in started.stdout.splitlines()]
    return {**os.environ, **dict(word[1].split("=", 1) for word in words if word[:1] == ["export"])}


def fill(lab: Mapping[str, str], count: int) -> None:
    """``count`` ENIs in a VPC of their own, as the API makes them."""
    ec2 = boto3.client(
        "ec2",
        endpoint_url=lab["AWS_ENDPOINT_URL"],
        region_name=lab["AWS_REGION"],
        aws_access_key_id=lab["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=lab["AWS_SECRET_ACCESS_KEY"],
    )
    vpc = ec2.create_vpc(CidrBlock="10.200.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.200.0.0/18")["Subnet"]["SubnetId"]
    for number in range(count):
        tags = [{"Key": "Name", "Value": f"node-{number}"}]
        ec2.create_network_interface(
            SubnetId=subnet, TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags}]
        )


class Bench:
    """Two homes side by side, each with one extcap: vpcshark's launcher, and the compiled one."""

    def __init__(self, folder: Path, lab: Mapping[str, str], runs: int, deadline: float) -> None:
        self.runs = runs
        self.deadline = deadline  # by time.monotonic
        self.folder = folder
        homes = {name: folder / name for name in ("launcher", "compiled", "empty")}
        self.environ = {name: home_environ(lab, home) for name, home in homes.items()}
        self.launcher = extcap_folder(self.environ["launcher"]) / "vpcshark"
        install = [*VPCSHARK, "install", "--dir", str(self.launcher.parent)]
        subprocess.run(install, check=True, capture_output=True, env=self.environ["launcher"])
        self.texts = folder / "texts"
        self.texts.mkdir()
        source = folder / "extcap.c"
        source.write_text(C_EXTCAP.replace("FOLDER", f'"{self.texts}"'))
        compiled = extcap_folder(self.environ["compiled"]) / "compiled"
        subprocess.run(["cc", "-O2", "-o", str(compiled), str(source)], check=True)
        extcap_folder(self.environ["empty"])

    def answers(self) -> dict[str, float]:
        """One answer beside programs that do nothing. The ratios."""
        self.list_only(7)
        sshdump = next(Path("/usr").glob("lib*/**/wireshark/extcap/sshdump"))
        ours, config = str(self.launcher), ["--extcap-config", "--extcap-interface", "eni-0a"]
        commands = {
            "/bin/true": ["/bin/true"],
            "sh -c :": ["/bin/sh", "-c", ":"],
            "launcher --extcap-config": [ours, *config],
            "launcher --extcap-dlts": [ours, "--extcap-dlts", "--extcap-interface", "eni-0a"],
            "sshdump --extcap-interfaces": [str(sshdump), "--extcap-interfaces"],
            "python -c pass": [sys.executable, "-I", "-c", "pass"],
        }
        environ = self.environ["launcher"]
        works = {name: partial(spawn, each, environ) for name, each in commands.items()}
        medians = in_turns(works, max(self.runs, 100))
        out("one answer", "median ms")
        for name, times in medians.items():
            out(name, f"{times.wall * 1000:.2f}")
        mine = medians["launcher --extcap-config"].wall
        return {
            "config / true": mine / medians["/bin/true"].wall,
            "config / sshdump": mine / medians["sshdump --extcap-interfaces"].wall,
        }

    def lists(self, sizes: Sequence[int]) -> dict[str, float]:
        """``tshark -D`` with so many ENIs. The ratio at a thousand, and how far growth is from linear.

        tshark copies its page tables for each extcap that it runs, and keeps all that they said: its own growth is a
        little more than linear whatever it runs, as the column of the compiled one shows.
        """
        out("", "")
        heads = (
            "nothing",
            "compiled C",
            "launcher",
            "launcher / C",
            "C, CPU ms/ENI",
            "CPU ms/ENI",
            "runs of C",
            "runs",
        )
        out("tshark -D with", *heads)
        ratios: dict[str, float] = {}
        per_eni: dict[int, float] = {}
        for size in sizes:
            count = self.list_only(size)
            times = self.starts(size)
            medians = medians_of(times)
            ratio = medians["launcher"].wall / medians["compiled"].wall
            each = {name: (one.cpu - medians["empty"].cpu) / max(count, 1) for name, one in medians.items()}
            per_eni[count] = each["launcher"]
            shown = [f"{medians[name].wall:.3f} s" for name in ("empty", "compiled", "launcher")]
            both = ("compiled", "launcher")
            work = [f"{each[name] * 1000:.2f}" if count else "-" for name in both]
            out(f"{count} ENIs", *shown, f"{ratio:.2f}", *work, *(str(len(times[name])) for name in both))
            if size == 1000:
                ratios["tshark -D / C"] = ratio
        large = {count: each for count, each in per_eni.items() if count >= 1000}
        if len(large) > 1:
            ratios["growth"] = large[max(large)] / large[min(large)]
        return ratios

    def list_only(self, size: int) -> int:
        """Have vpcshark list at most ``size`` ENIs, and the compiled extcap the same; how many there are."""
        environ = self.environ["launcher"]
        settings = Path(environ["XDG_CONFIG_HOME"]) / "vpcshark" / "config.ini"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(f"[list]\nlimit = {size}\n")
        shutil.rmtree(Path(environ["XDG_CACHE_HOME"]) / "vpcshark", ignore_errors=True)
        refresh = [sys.executable, "-m", "vpcshark.extcap", "--vpcshark-refresh=wait"]
        subprocess.run(refresh, env=environ, check=True, capture_output=True)
        shutil.rmtree(self.texts)
        self.texts.mkdir()
        listed = self.keep("interfaces", "interfaces", "")
        enis = [line.split("{value=")[1].split("}")[0] for line in listed.splitlines() if "{value=eni-" in line]
        for question, name in (("config", "config"), ("dlts", "dlts")):
            self.keep(question, name, (enis or ["eni-0"])[0])
        if self.keep("config", "config-unsaved", (enis or ["eni-0"])[-1]) != (self.texts / "config").read_text("utf-8"):
            saved = [eni for eni in enis if "{save=false}" not in self.answer("config", eni)]
            (self.texts / "saved").write_text("\n".join(saved))
        count = (self.texts / "interfaces").read_text("utf-8").count("{value=eni-")
        if count != size and size:
            raise RuntimeError(f"vpcshark lists {count} ENIs instead of {size}:\n{listed}")
        return count

    def starts(self, size: int) -> dict[str, list[Times]]:
        """``tshark -D`` with each in turns, so many times; past a thousand ENIs all but the launcher in each tenth."""
        times: dict[str, list[Times]] = {name: [] for name in self.environ}
        for number in range(self.runs):
            for name in self.environ if size <= 1000 or number % 10 == 0 else ["launcher"]:
                self.make_old(True)
                times[name].append(tshark(self.environ[name]))
                self.make_old(False)
            if time.monotonic() > self.deadline:
                break
        return times

    def make_old(self, is_old: bool) -> None:
        """Each start finds old answers and has them refreshed. Once it is over they are fresh: the refresh, which would
        come now, must not meet the next start, as if a person started Wireshark every second."""
        for file in Path(self.environ["launcher"]["XDG_CACHE_HOME"]).glob("vpcshark/answers/*/interfaces"):
            os.utime(file, (1, 1) if is_old else None)

    def answer(self, question: str, eni: str) -> str:
        """What the launcher prints."""
        command = [str(self.launcher), f"--extcap-{question}", "--extcap-interface", eni]
        environ = self.environ["launcher"]
        return subprocess.run(command, env=environ, check=True, capture_output=True, encoding="utf-8").stdout

    def keep(self, question: str, name: str, eni: str) -> str:
        """The same, kept for the compiled extcap."""
        text = self.answer(question, eni)
        (self.texts / name).write_text(text, "utf-8")
        return text

    def judge(self, ratios: Mapping[str, float]) -> int:
        """Print each ratio beside its limit; 1 if one is beyond it."""
        out("", "")
        out("ratio", "is", "at most")
        for name, ratio in ratios.items():
            out(name, f"{ratio:.2f}", f"{LIMITS[name]:g}", "" if ratio <= LIMITS[name] else "TOO MUCH")
        return int(any(ratio > LIMITS[name] for name, ratio in ratios.items()))


def home_environ(lab: Mapping[str, str], home: Path) -> dict[str, str]:
    """The lab's environment with a home of its own."""
    names = {"XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache", "XDG_STATE_HOME": "state", "HOME": "home"}
    places = {name: home / folder for name, folder in names.items()}
    for place in places.values():
        place.mkdir(parents=True)
    return {**lab, **{name: str(place) for name, place in places.items()}}


def extcap_folder(environ: Mapping[str, str]) -> Path:
    """Where that home's tshark looks for extcaps."""
    said = subprocess.run(["tshark", "-G", "folders"], env=environ, check=True, capture_output=True, text=True).stdout
    named = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    place = named.get("Personal Extcap path") or named["Personal configuration"].strip() + "/extcap"
    folder = Path(place.strip())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Times(NamedTuple):
    """Seconds: on the clock, and of both cores' work (the work's children included)."""

    wall: float
    cpu: float


def in_turns(works: Mapping[str, Callable[[], Times]], runs: int) -> dict[str, Times]:
    """The medians of each, ``runs`` rounds in which each runs once."""
    times: dict[str, list[Times]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            times[name].append(work())
    return medians_of(times)


def medians_of(times: Mapping[str, Sequence[Times]]) -> dict[str, Times]:
    """Of the clock and of the work, each by itself."""
    return {
        name: Times(*(statistics.median(column) for column in zip(*each, strict=True))) for name, each in times.items()
    }


def tshark(environ: Mapping[str, str]) -> Times:
    """``tshark -D``."""
    return spawn([shutil.which("tshark") or "", "-D"], environ)


def spawn(command: Sequence[str], environ: Mapping[str, str]) -> Times:
    """Run a command to its end, with as little of our own as can be."""
    silent = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_WRONLY, 0) for number in (1, 2)]
    begun = time.perf_counter()
    pid = os.posix_spawn(command[0], list(command), environ, file_actions=silent)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, command
    return Times(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime)


def out(name: str, *cells: str) -> None:
    """One line of the table."""
    sys.stdout.write(f"{name:<30}" + "".join(f"{cell:>16}" for cell in cells) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
