"""What the protocol asks of the rest: vpcshark/capture/services.py has the ``Services`` that does it.

The types come from vpcshark/capture, so that capture needs not know this room. Must not know how any of it is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vpcshark.capture.contract.listing import Offer
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.progress import Course
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.sink import Sink
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop


class Inventory(Protocol):
    """What there is to choose from. It never prompts."""

    def interfaces(self, options: CaptureOptions) -> Offer:
        """What to list, best candidate first, and what is wrong where AWS can't be asked: then the last known ENIs.

        ``options`` (profile, region) come from the environment and replace those of the settings.
        """

    def values(self, name: str, interface: str, options: CaptureOptions, vpc: str = "") -> Sequence[tuple[str, str]]:
        """(value, display) of what the selector ``name`` ("host") offers for ``interface``, beside its fixed values.

        ``options`` are the dialog's other fields as they are now; what is not valid in them has its default. ``vpc``
        narrows the ENIs ("": all). VpcsharkError if AWS can't be asked.
        """


class Services(Inventory, Protocol):
    """All that the extcap phases need. The class is made without arguments, and its making imports nothing heavy."""

    def capture(
        self,
        selection: Selection,
        options: CaptureOptions,
        sink: Sink,
        stop: Stop,
        status: Status,
        course: Course | None = None,
    ) -> None:
        """Capture from what ``selection`` means into ``sink`` until ``stop`` is requested; then clean up and return.

        The pcapng header goes to ``sink`` first, before AWS is asked. ``options`` are valid; ``options.user_filter``
        has been compiled once. SinkClosed raised by ``sink.write`` means the same as a requested stop. Errors that the
        user may see leave as VpcsharkError, with the clean-up done. The caller closes ``sink``. ``course`` is told from
        when on frames can come.
        """

    def clean_up(self) -> None:
        """Remove what dead captures of this user left behind; quick, idempotent, touches no live capture.

        Wireshark calls it synchronously after it had to kill an extcap (``--extcap-cleanup-postkill``).
        """
