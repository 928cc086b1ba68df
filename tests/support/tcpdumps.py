"""A capture in mode tcpdump that runs in the lab, and what cuts it off."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hands import VPCSHARK, Lab, wait_until

WAYS = ("ssh", "eic", "eice", "ssm")


class Running:
    """``vpcshark capture`` in mode tcpdump, as a process of its own."""

    def __init__(
        self,
        lab: Lab,
        file: Path,
        *options: str,
        instance: str = "web-1",
        mode: str = "tcpdump",
        index: int = 0,
        key: str = "",
        eni: str = "",
    ) -> None:
        """``key``: the id of an AWS key that the capture uses instead of the lab's. ``eni``: an interface's id instead
        of that of the instance's device ``index``."""
        self.lab, self.file, self.instance = lab, file, instance
        self.before = set(lab.processes(instance))
        eni = eni or lab.eni(instance, index)["NetworkInterfaceId"]
        command = [*VPCSHARK, "capture", eni, "--mode", mode, "-w", str(file), *options]
        ours = {"AWS_ACCESS_KEY_ID": key} if key else {}
        self.process = replace(lab, environment={**lab.environment, **ours}).start(*command)
        self.said: list[str] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        self.said.extend(line.strip() for line in self.process.stderr or [])

    def is_capturing(self) -> bool:
        return any("Capturing from" in line for line in self.said)

    def await_frames(self) -> None:
        """Return when it captures and the file has packets; fail with its words if it ends before."""
        wait_until(lambda: self.is_capturing() or self.process.poll() is not None, "it captures")
        assert self.is_capturing(), self.said
        wait_until(lambda: self.file.stat().st_size > 4000, "packets come")

    def stop(self) -> str:
        """Ctrl-C; everything that it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self, seconds: float = 300) -> str:
        """Wait for its end; everything that it said."""
        self.process.wait(seconds)
        self._listener.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        return "\n".join(self.said)

    def left(self) -> dict[int, str]:
        """What runs on the instance and did not before."""
        return {p: c for p, c in self.lab.processes(self.instance).items() if p not in self.before and c}

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.end()


@contextmanager
def running(lab: Lab, file: Path, *options: str, **more: Any) -> Iterator[Running]:
    """A capture that does not outlive its test."""
    capture = Running(lab, file, *options, **more)
    try:
        yield capture
    finally:
        capture.kill()


@contextmanager
def cut_off(lab: Lab, instance: str) -> Iterator[None]:
    """The instance's network swallows everything, without a FIN."""
    inside = lab.namespace(instance)
    rules = (
        "table inet cut { chain i { type filter hook input priority -300; policy drop; iif lo accept; };"
        " chain o { type filter hook output priority -300; policy drop; oif lo accept; }; }"
    )
    subprocess.run([*inside, "nft", rules], check=True)
    try:
        yield
    finally:
        subprocess.run([*inside, "nft", "delete table inet cut"], check=True)


def gone(capture: Running) -> float:
    """How long it takes until nothing of the capture runs on the instance."""
    return wait_until(lambda: not capture.left(), "nothing is left on the instance")
