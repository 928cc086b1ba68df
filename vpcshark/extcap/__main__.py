"""What the launcher runs, as ``PROGRAM``. Imports no more than the call at hand needs."""

from __future__ import annotations

import os
import sys
import time

from vpcshark.extcap.prepared import reader

TYPE_CHECKING = False  # typing itself would cost more than a prepared answer
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpcshark.extcap.services import Services

SAFE = 'import sys; sys.path[:] = sys.path[sys.path[0] == "":]'  # as in the launcher, which says why
PROGRAM = ("-c", f"{SAFE}; from vpcshark.extcap.__main__ import run; sys.exit(run())")
BEGUN = time.monotonic()


def _services() -> Services:
    from vpcshark.capture.services import Services as Real  # here: the fast answers must not pay for it

    return Real()


def run(services: Callable[[], Services] = _services, program: Sequence[str] = PROGRAM) -> int:
    """Run with the process's own streams. ``program`` is what Python runs as this extcap.

    A prepared answer is printed before anything else is imported; after a list it is refreshed, as by the launcher.
    """
    argv = sys.argv[1:]
    if "--vpcshark-refresh" in argv and hasattr(os, "nice"):
        os.nice(19)  # in the background of Wireshark's start, whose questions come first
    asker = _asker(argv)
    text = reader.answer(argv, os.environ, asker)
    if text is None:
        return _slowly(argv, services, program, asker)
    reader.write(text, sys.stdout)
    if reader.question(argv) == reader.INTERFACES:
        _refresh_behind(program)
    return 0


def _asker(argv: Sequence[str]) -> int:
    """The process id of who asks. On Windows our parent is a new one each time; who is behind it matters for the list
    alone, and takes an import."""
    if sys.platform != "win32" or reader.question(argv) != reader.INTERFACES:
        return os.getppid()
    from vpcshark.extcap.prepared.asking_process import asker

    return asker()


def _refresh_behind(program: Sequence[str]) -> None:
    """Have the answers made anew by a process that nobody waits for."""
    from pathlib import Path

    from vpcshark.cleanup import detached

    try:
        detached.start([sys.executable, *program, "--vpcshark-refresh"], Path())
    except OSError:  # no more processes or memory: the list is there, and the next who asks tries again
        return


def _slowly(argv: Sequence[str], services: Callable[[], Services], program: Sequence[str], asker: int) -> int:
    import io

    from vpcshark import context
    from vpcshark.extcap.main import main

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # sentences are UTF-8 with plain line ends, whatever the locale says
            stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    if "--extcap-reload-option" in argv:
        _ask_nobody()
    status = main(argv, services, sys.stdout, sys.stderr, os.environ, _refresher(program, asker))
    if reader.question(argv) == reader.INTERFACES:
        reader.note_asker(reader.slot(context.folder(os.environ), os.environ), asker)
    return status


def _refresher(program: Sequence[str], asker: int) -> Callable[[float], str | None]:
    """Whoever is to capture from an ENI fails without a list that has it; whoever looks at the list may look again."""

    def refresh(seconds: float) -> str | None:
        from vpcshark.extcap.prepared.asking_process import wants_capture
        from vpcshark.extcap.refresh import LONGEST

        return _refresh(program, LONGEST if wants_capture(asker) else seconds)

    return refresh


def _refresh(program: Sequence[str], seconds: float) -> str | None:
    """Whoever asked has waited since we began, for our own imports too."""
    from vpcshark.extcap import refresh

    return refresh.starter(program)(max(BEGUN + seconds - time.monotonic(), 0))


def _ask_nobody() -> None:
    """Leave the terminal that Wireshark was started in: an MFA prompt there would be waited for."""
    if hasattr(os, "setsid"):
        try:
            os.setsid()
        except PermissionError:  # the first of its group, as in a shell
            return
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


if __name__ == "__main__":
    sys.exit(run())
