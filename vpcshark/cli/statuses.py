"""The exit statuses of every command: this table is what ``--help`` and the man page print, and what commands return.

Knows no command.
"""

from __future__ import annotations

from vpcshark.errors import InputError, OutputError, VpcsharkError

OK, FAILED, UNUSABLE, EMPTY, FULL, INTERRUPTED = 0, 1, 2, 3, 4, 130

TABLE: dict[int, str] = {
    OK: "it went well",
    FAILED: "it failed, or something was found to be wrong (diagnose, doctor, preflight, walk, why), or was not "
    "accepted (trust)",
    UNUSABLE: "the command line or the settings cannot be used; nothing was done",
    EMPTY: "the capture went well and got no packet, and stderr says why; or nobody can say (walk, diagnose, why); "
    "or no lab runs (lab status)",
    FULL: "the output takes no more (a full disk); stderr says how many packets are safe",
    INTERRUPTED: "interrupted by Ctrl-C (a capture ends well with it)",
}
"""Status -> what it means, as in README. ``lab run`` ends with its command's own status, as a shell would."""

_VERDICTS = {"walk", "why"}  # 1 would say that something is in the way, which nobody knows where AWS can't be asked
_OF_ERRORS: tuple[tuple[type[VpcsharkError], int], ...] = ((InputError, UNUSABLE), (OutputError, FULL))


def of(error: VpcsharkError, command: str = "") -> int:
    """The status of this command that ended with ``error``."""
    otherwise = EMPTY if command in _VERDICTS else FAILED
    return next((status for kind, status in _OF_ERRORS if isinstance(error, kind)), otherwise)
