"""A sign-in that breaks, or that nobody is there to renew: each command says so, and nothing stays in the account."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chaos import CAPTIVE, Chaos, Scenario, diagonal, matrix
from hands import VPCSHARK, Lab
from signins import KINDS, SHORT, Home, Kind, sign_in_by_mfa, sign_out

from vpcshark.cleanup import ledger

KEY = "AKIASIGNIN0000000000"
CREATES = {"CreateTrafficMirrorFilter", "CreateTrafficMirrorSession", "CreateTrafficMirrorTarget"}
LISTED = [pytest.param(kind, id=kind.name, marks=() if kind.name in SHORT else pytest.mark.long) for kind in KINDS]


class User:
    """Somebody with a home and a lab for an AWS."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.home, self.lab, self.ec2 = Home(folder, KEY), lab, lab.client()
        kept = {name: value for name, value in lab.environment.items() if not name.startswith(("AWS_", "XDG_"))}
        endpoint = {"AWS_ENDPOINT_URL": lab.environment["AWS_ENDPOINT_URL"], "VPCSHARK_OWNER": f"{folder.name}@here"}
        folders = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("STATE", "CACHE", "CONFIG")}
        self.environment = {**kept, **endpoint, **folders, **self.home.environment}
        subnet = lab.eni("db-1")["SubnetId"]
        self.eni = self.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]

    def run(self, *command: str) -> str:
        """What a command says, on both its streams."""
        done = subprocess.run(
            command,
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=180,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return " ".join((done.stdout + done.stderr).split())

    @property
    def captures(self) -> Path:
        """Where its ledgers lie."""
        return self.home.folder / "state" / "vpcshark" / "captures"

    def capture_until_killed(self, meanwhile: Callable[[], None]) -> None:
        """A capture runs, ``meanwhile`` happens, and the capture is gone."""
        command = [*CAPTIVE, self.eni, str(self.home.folder / "x.pcapng")]
        with subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        ) as process:
            until(lambda: self.sessions() or process.poll() is not None, "there is a session")
            assert process.poll() is None, process.communicate()
            meanwhile()
            process.send_signal(signal.SIGKILL)
            process.communicate()

    def sessions(self) -> list[str]:
        """Its sessions in the account."""
        found = self.ec2.describe_traffic_mirror_sessions()["TrafficMirrorSessions"]
        return [one["TrafficMirrorSessionId"] for one in found if one["NetworkInterfaceId"] == self.eni]

    def notes(self) -> str:
        """What its ledgers say about why they are still there."""
        return " ".join(note for path in ledger.all_paths(self.captures) for note in ledger.read(path).notes)

    def is_clean(self) -> bool:
        """Nothing in the account, no ledger."""
        return not self.sessions() and not ledger.all_paths(self.captures)


def until(condition: Callable[[], object], what: str, seconds: float = 300) -> None:
    """Wait for an event."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so within {seconds:g} seconds: {what}"
        time.sleep(0.1)


@pytest.fixture
def user(loopback_lab: Lab, tmp_path: Path) -> User:
    """Signed in by keys in a file, which the janitor has to read for itself."""
    made = User(loopback_lab, tmp_path)
    made.home.is_well()
    return made


@pytest.mark.thin(30)
@pytest.mark.parametrize("kind", LISTED)
def test_the_janitor_outlives_a_sign_in_that_breaks_and_cleans_up_when_it_is_mended(user: User, kind: Kind):
    """Broken in the middle of a capture, which is killed: the ledger says why it is still there, until it is gone."""
    user.capture_until_killed(meanwhile=lambda: kind.breaks(user.home))
    until(lambda: all(part in user.notes() for part in kind.parts), f"the ledger says {kind.parts}: {user.notes()}")
    assert user.sessions()
    user.home.is_well()
    until(user.is_clean, "all is gone")


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_command_says_it(user: User, kind: Kind):
    """List, capture, preflight and doctor, and the list in Wireshark."""
    kind.breaks(user.home)
    said = {
        "list": user.run(*VPCSHARK, "interfaces"),
        "extcap": user.run(sys.executable, "-m", "vpcshark.extcap", "--vpcshark-refresh=wait"),
        "capture": user.run(*VPCSHARK, "capture", user.eni, "--mode", "mirror", "--host", "local", "-w", os.devnull),
        "preflight": user.run(*VPCSHARK, "preflight", user.eni),
        "doctor": user.run(*VPCSHARK, "doctor"),
    }
    for command, text in said.items():
        for part in kind.parts:
            assert part in text or (command == "extcap" and part in text.replace("\\u007b", "{")), (command, part, text)
        assert "unexpectedly" not in text
        assert "bug in vpcshark" not in text


@pytest.mark.long
def test_the_list_has_the_sentence(user: User):
    """As an entry among the interfaces, the helper's last words in it."""
    user.home.has_helper("#!/bin/sh\necho the vault is sealed >&2\nexit 1\n")
    text = user.run(sys.executable, "-m", "vpcshark.extcap", "--vpcshark-refresh=wait")
    assert "the vault is sealed" in text


@pytest.mark.long
def test_a_helper_that_breaks_and_stays_broken_leaves_nothing(user: User):
    """The janitor has what the helper gave the capture."""
    user.home.helps_well()
    user.capture_until_killed(meanwhile=lambda: user.home.has_helper("#!/bin/sh\nexit 1\n"))
    until(user.is_clean, "all is gone")


def test_a_role_whose_code_nobody_gives_again_leaves_nothing(user: User):
    """And ps says until when the janitor can clean up, while the capture lives."""
    sign_in_by_mfa(user.home, KEY)
    told: list[str] = []

    def meanwhile() -> None:
        sign_out(user.home)
        told.append(user.run(*VPCSHARK, "ps"))
        (record,) = (ledger.read(path) for path in ledger.all_paths(user.captures))
        assert record.covered > time.time() + 3000

    user.capture_until_killed(meanwhile)
    until(user.is_clean, "all is gone")
    assert "its janitor can clean up until" in told[0]
    assert "MFA code" in told[0]  # its own way to AWS is gone


@pytest.fixture(scope="module")
def signed_chaos(loopback_lab: Lab, tmp_path_factory) -> Iterator[Chaos]:
    """Workers whose role wants a code that nobody gives again."""
    made = Chaos(loopback_lab, tmp_path_factory.mktemp("signed"), 3, first=100, mfa=True)
    yield made
    made.close()


@pytest.mark.long
def test_every_step_meets_every_fault_without_anybody_to_ask(signed_chaos: Chaos):
    """Zero left, decoys untouched, by the credentials that the janitor was given."""
    results = signed_chaos.run(diagonal(matrix(*signed_chaos.discover())))
    assert [f"{one.scenario}: {one.problem} ({one.said.strip()[-300:]})" for one in results if one.problem] == []


@pytest.mark.long
def test_a_capture_that_is_killed_at_a_call_leaves_nothing_without_anybody_to_ask(signed_chaos: Chaos):
    """One of each create, as the short form of the above."""
    results = signed_chaos.run([Scenario(call, "SIGKILL after") for call in sorted(CREATES)])
    assert [f"{one.scenario}: {one.problem} ({one.said.strip()[-300:]})" for one in results if one.problem] == []
