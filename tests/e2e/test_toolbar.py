"""The toolbar's pipes of a real capture in the lab: figures come live, and a filter typed there takes effect."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hands import Lab, wait_until

pytestmark = pytest.mark.e2e
SET, ADD, STATUSBAR, DIALOGS = 1, 2, 6, (7, 8, 9)
LOG, STATE, FILTER, DIAGNOSE = 0, 2, 3, 4


class Gui:
    """The other end of the pipes, as the developer guide has it: T, 24 bits of length, control, command, payload."""

    def __init__(self, folder: Path) -> None:
        self.paths = {name: folder / name for name in ("fifo", "in", "out")}
        for path in self.paths.values():
            os.mkfifo(path)
        self.said: list[tuple[int, int, str]] = []
        self.frames = bytearray()
        self._ends: dict[str, int] = {}

    def start(self, lab: Lab, eni: str, mode: str = "mirror", *more: str) -> subprocess.Popen[str]:
        """The extcap, with its pipes open and read from now on."""
        pipes = ["--extcap-control-in", self.paths["in"], "--extcap-control-out", self.paths["out"]]
        command = [sys.executable, "-m", "vpcshark.extcap", "--capture", "--extcap-interface", eni, "--mode", mode]
        process = lab.start(*command, "--fifo", str(self.paths["fifo"]), *map(str, pipes), *more)
        self._ends["in"] = os.open(self.paths["in"], os.O_WRONLY)
        for name, take in (("out", self._hear), ("fifo", self._read)):
            self._ends[name] = os.open(self.paths[name], os.O_RDONLY)
            threading.Thread(target=take, args=(self._ends[name],), daemon=True).start()
        self.send(0, 0, "")  # initialized
        return process

    def send(self, control: int, command: int, text: str) -> None:
        """One message to the extcap."""
        payload = bytes((control, command)) + text.encode()
        os.write(self._ends["in"], b"T" + len(payload).to_bytes(3, "big") + payload)

    def _hear(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "rb") as pipe:
            while head := pipe.read(6):
                size = int.from_bytes(head[1:4], "big") - 2
                self.said.append((head[4], head[5], pipe.read(size).decode()))

    def _read(self, descriptor: int) -> None:
        while data := os.read(descriptor, 1 << 16):
            self.frames += data

    def texts(self, command: int, control: int | None = None) -> list[str]:
        """What came by one command, to one control."""
        return [text for where, what, text in list(self.said) if what == command and control in (None, where)]


def test_figures_come_live_and_a_filter_typed_there_takes_effect(clean_lab: Lab, tmp_path: Path) -> None:
    """Mirror rules and receiver both; a filter that is none is refused in words; nothing is left. What is shown at the
    start is the user's own text: the direction comes in front of whatever is sent from there, once."""
    gui = Gui(tmp_path)
    wanted = ("--direction", "in", "--extcap-capture-filter", "udp")
    process = gui.start(clean_lab, clean_lab.eni("web-1")["NetworkInterfaceId"], "mirror", *wanted)
    try:
        wait_until(lambda: any(" frames " in text for text in gui.texts(SET, STATE)), "figures come")
        assert gui.texts(SET, FILTER) == ["udp"]
        before = clean_lab.mirror_resources()
        gui.send(FILTER, SET, "tcp port 80x")
        wait_until(lambda: any("stays as it was" in text for text in gui.texts(STATUSBAR)), "it is refused")
        assert clean_lab.mirror_resources() == before
        gui.send(FILTER, SET, "udp port 53")
        wait_until(lambda: any('now "udp port 53"' in text for text in gui.texts(STATUSBAR)), "it is taken")
        after = clean_lab.mirror_resources()
        assert after["sessions"] == before["sessions"]
        assert len(after["filters"]) == 1
        assert after["filters"] != before["filters"]
        (rules,) = clean_lab.client().describe_traffic_mirror_filters()["TrafficMirrorFilters"]
        assert {rule.get("Protocol") for rule in rules["IngressFilterRules"]} == {17}
        assert not [rule for rule in rules["EgressFilterRules"] if rule["RuleAction"] == "accept"]
        size = len(gui.frames)
        wait_until(lambda: len(gui.frames) > size + 2000, "packets still come")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=180)
    assert said == ""
    (tmp_path / "all.pcapng").write_bytes(gui.frames)
    shown = clean_lab.run("tshark", "-r", str(tmp_path / "all.pcapng"), "-T", "fields", "-e", "udp.port").stdout
    tail = shown.splitlines()[-3:]
    assert all("53" in ports.split(",") for ports in tail), tail


@pytest.mark.long
def test_the_button_diagnose_says_what_is_proved_and_no_frame_is_lost(clean_lab: Lab, tmp_path: Path) -> None:
    """A connection to an address where nobody is, begun after the press: status bar, log, and a dialog with all."""
    gui = Gui(tmp_path)
    eni = clean_lab.eni("web-1")
    process = gui.start(clean_lab, eni["NetworkInterfaceId"])
    try:
        wait_until(lambda: any(" frames " in text for text in gui.texts(SET, STATE)), "figures come")
        gui.send(DIAGNOSE, SET, "")
        wait_until(lambda: any("Diagnosing from now on" in text for text in gui.texts(STATUSBAR)), "it begins")
        nobody = eni["PrivateIpAddress"].rpartition(".")[0] + ".199"
        known = ["ip", "neigh", "replace", nobody, "lladdr", "02:00:00:00:00:99", "dev", "eth0"]
        subprocess.run([*clean_lab.namespace("web-1"), *known], check=True)
        asking = ["timeout", "20", "bash", "-c", f"exec 3<>/dev/tcp/{nobody}/4711"]
        with subprocess.Popen([*clean_lab.namespace("web-1"), *asking], stderr=subprocess.DEVNULL):
            wait_until(lambda: any("syn-unanswered" in text for text in gui.texts(STATUSBAR)), "it is proved")
        gui.send(DIAGNOSE, SET, "")
        wait_until(lambda: gui.texts(DIALOGS[0]), "a dialog has all")
        assert "syn-unanswered" in gui.texts(DIALOGS[0])[0]
        assert any("  Filter: " in text for text in gui.texts(ADD, LOG))
    finally:
        process.terminate()
        _, said = process.communicate(timeout=180)
    assert said == ""
    assert any(text.startswith("Diagnosed ") for text in gui.texts(STATUSBAR))
    (tmp_path / "all.pcapng").write_bytes(gui.frames)
    counts = clean_lab.run("capinfos", "-M", "-c", str(tmp_path / "all.pcapng")).stdout.split()
    figures = [text for text in gui.texts(SET, STATE) if "frames" in text][-1]
    assert f"{int(counts[-1]):,} frames · 0 dropped" in figures


@pytest.mark.long
def test_a_silence_is_explained_in_the_status_and_the_log_and_by_no_dialog(clean_lab: Lab, tmp_path: Path) -> None:
    """The second ENI of web-1 has no traffic."""
    gui = Gui(tmp_path)
    process = gui.start(clean_lab, clean_lab.eni("web-1", 1)["NetworkInterfaceId"])
    try:
        wait_until(lambda: any("No packets for 1" in text for text in gui.texts(STATUSBAR)), "it is said")
        assert any("Nothing was sent, it seems" in text for text in gui.texts(ADD, LOG))
    finally:
        process.terminate()
        _, said = process.communicate(timeout=180)
    assert said == ""
    assert not [text for dialog in DIALOGS for text in gui.texts(dialog)]


@pytest.mark.long
def test_figures_come_in_mode_tcpdump_too(clean_lab: Lab, tmp_path: Path) -> None:
    """As tcpdump counts them."""
    gui = Gui(tmp_path)
    process = gui.start(clean_lab, clean_lab.eni("web-1")["NetworkInterfaceId"], "tcpdump")
    try:
        wait_until(lambda: any(" frames " in text for text in gui.texts(SET, STATE)), "figures come")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=180)
    assert said == ""
