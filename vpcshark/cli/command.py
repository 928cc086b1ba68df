"""Runs one command, and is the one place where an error becomes a message and an exit status.

Must not know what a command does, nor how its line was parsed.
"""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import sys
from pathlib import Path

from vpcshark import __version__, logs
from vpcshark.cli import statuses
from vpcshark.cli.commands import module
from vpcshark.errors import VpcsharkError
from vpcshark.options.table import BY_NAME
from vpcshark.text import line

SWEEP_THEMSELVES = {"cleanup", "capture"}
# Nobody expects a call to AWS of a tool for files.
NO_ACCOUNT = {"lab", "demo", "decap", "diagnose", "completion", "flowlogs"}
TELL_THEMSELVES = {"install", "uninstall", "setup", "doctor"}

_LEVEL = BY_NAME["log-level"].variable

log = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Run the command of ``options``; returns one of ``statuses.TABLE``. Stderr says what failed."""
    _print_anything()
    if getattr(options, "verbose", False):
        logs.show(sys.stderr)
    log_file: Path | str = "the log"
    try:
        log_file = logs.set_up(str(BY_NAME["log-level"].convert(os.environ.get(_LEVEL, ""), _LEVEL)))
        log.info("vpcshark %s begins; version %s, Python %s.", options.command, __version__, sys.version.split()[0])
        if options.command not in TELL_THEMSELVES | NO_ACCOUNT:
            _tell_of_upgrade()
        status: int = importlib.import_module(f"vpcshark.cli.{module(options.command)}").run(options)
        return status
    except VpcsharkError as error:
        log.info("vpcshark %s: %s", options.command, error)
        sys.stderr.write(f"vpcshark: {line(str(error))}\n")
        return statuses.of(error, options.command)
    except PermissionError as error:
        log.warning("vpcshark %s was refused a file.", options.command, exc_info=True)
        sys.stderr.write(f"vpcshark: {line(refusal(error))}\n")
        return statuses.FAILED
    except BrokenPipeError:  # the reader of our output has gone: "vpcshark interfaces | head"
        sys.stderr.close()
        return statuses.OK
    except KeyboardInterrupt:
        return statuses.INTERRUPTED
    except Exception:
        log.exception("vpcshark %s failed unexpectedly.", options.command)
        sys.stderr.write(f"vpcshark: Internal error; this is a bug in vpcshark. Details: {line(str(log_file))}\n")
        return statuses.FAILED
    finally:
        if options.command not in SWEEP_THEMSELVES | NO_ACCOUNT:
            _sweep()


def _tell_of_upgrade() -> None:
    """A Wireshark that looks elsewhere since its upgrade shows an empty list without a word, so we have to say it."""
    from vpcshark.cli import upgraded

    if said := upgraded.remark(os.environ):
        sys.stderr.write(f"vpcshark: {line(said)}\n")


def _print_anything() -> None:
    """A name that a terminal's encoding (Latin-1) does not have is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def refusal(error: PermissionError) -> str:
    """The sentence for a file or folder that is closed to us, which is most often root's."""
    what = error.filename or "A file"
    return (
        f"{what} may not be used: {error.strerror}. If another user made it (root, with your HOME?), give it back "
        "with: sudo chown -R $USER, and its path."
    )


def _sweep() -> None:
    """What a crash left goes at the next start of anything; here after the command, so that nobody waits for it."""
    from vpcshark.cleanup import ledger

    if ledger.all_paths():
        from vpcshark.cleanup import background

        background.sweep_in_background()
