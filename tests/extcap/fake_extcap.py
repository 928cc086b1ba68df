"""An extcap for Wireshark to run: the real protocol over invented services. What it was given goes to FAKE_LOG."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from vpcshark.capture.contract.listing import ListedInterface, Offer
from vpcshark.capture.contract.sink import SinkClosed
from vpcshark.errors import AwsError, InputError
from vpcshark.extcap.__main__ import run

# A pcapng section header and an Ethernet interface, as the pcapng draft has them, then one packet of 60 zero bytes.
HEADER = bytes.fromhex(
    "0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000 01000000 14000000 0100 0000 00000400 14000000"
)
PACKET = bytes.fromhex("06000000 5c000000 00000000 00000000 00000000 3c000000 3c000000") + bytes(60) + b"\x5c\0\0\0"


def note(**facts):
    """Append ``facts`` to the log that the test reads."""
    with Path(os.environ["FAKE_LOG"]).open("a") as file:
        file.write(json.dumps(facts, default=str) + "\n")


class FakeServices:
    """Lists what FAKE_INTERFACES holds (JSON) and captures as FAKE_CAPTURE says."""

    def interfaces(self, options):
        """The invented interfaces, after FAKE_DELAY seconds, or the error that FAKE_PROBLEM asks for."""
        note(asked=os.getpid(), descriptors=len(os.listdir("/proc/self/fd")))
        time.sleep(float(os.environ.get("FAKE_DELAY", "0")))
        if os.environ.get("FAKE_PROBLEM"):
            raise AwsError("The SSO session of profile prod has expired.", "Run: aws sso login --profile prod")
        return Offer([ListedInterface(*pair) for pair in json.loads(os.environ["FAKE_INTERFACES"])])

    def values(self, name, interface, options, vpc=""):
        """Two invented hosts."""
        note(values=name, interface=interface, region=options.region)
        return [("i-0b", "host } b"), ("i-0a", "host a")]

    def capture(self, interface, options, sink, stop, status, course=None):
        """Header first; then fail, end, or wait for the stop and clean up, as the test wants."""
        how = os.environ.get("FAKE_CAPTURE", "wait")
        note(capture=str(interface), options=vars(options))
        sink.write(HEADER)
        if how == "early":
            course.on_early("The capture was stopped before it had started.")
            return
        if how == "refused":
            raise InputError(f"{interface} can't be mirrored: " + "its type is too old. " * 200, "Use another.")
        if how == "defect":
            raise ZeroDivisionError("secret detail")
        if how == "thread":
            import threading
            import warnings

            warnings.warn("a library warns", stacklevel=1)
            thread = threading.Thread(target=lambda: 1 / 0)
            thread.start()
            thread.join()
            return
        try:
            sink.write(PACKET)
            if course:
                course.on_up()
            status.say("Capturing")
            note(started=True)
            if how == "flood":
                while not stop.requested():
                    sink.write(PACKET * 1000)
            stop.wait()
        except SinkClosed as closed:
            note(sink_closed=str(closed))
        finally:
            clean_up(stop)

    def clean_up(self):
        """Say that it ran."""
        note(cleaned_up="postkill")


def clean_up(stop):
    """A clean-up that takes a while, so that the test can send a second signal into it."""
    note(cleaning=stop.reason)
    deadline = time.monotonic() + float(os.environ.get("FAKE_CLEANUP", "0"))
    while time.monotonic() < deadline:
        time.sleep(0.02)
    note(cleaned=stop.reason)


if __name__ == "__main__":
    if "--extcap-interfaces" in sys.argv:
        time.sleep(float(os.environ.get("FAKE_START", "0")))  # as imports take on a busy machine
    sys.exit(run(FakeServices, [__file__]))
