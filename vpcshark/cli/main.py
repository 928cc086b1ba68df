"""One command line: which commands there are, their help, and the one place where an error becomes a message.

Must not know what a command does.
"""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence

from vpcshark import __version__, logs
from vpcshark.errors import InputError, OutputError, VpcsharkError
from vpcshark.text import line

log = logging.getLogger(__name__)

COMMANDS = {
    "install": "plugin",
    "uninstall": "plugin",
    "interfaces": "interfaces",
    "capture": "capture",
    "config": "config",
    "preflight": "preflight",
    "walk": "walk",
    "doctor": "doctor",
    "iam-policy": "iam_policy",
    "decap": "decap",
    "explain": "explain",
    "ps": "ps",
    "trust": "trust",
    "cleanup": "cleanup",
    "lab": "lab",
    "demo": "demo",
}
"""Which module of this room declares a command. Only the one that is asked for is imported, which halves the start."""

SWEEP_THEMSELVES = {"cleanup", "capture"}
NO_ACCOUNT = {"lab", "demo", "decap"}  # nobody expects a call to AWS of a tool for files

STATUSES: dict[type[VpcsharkError], int] = {InputError: 2, OutputError: 4}

EPILOG = """\
first steps:
  vpcshark install                 put the ENIs into Wireshark's interface list
  vpcshark interfaces              what there is to capture from
  vpcshark capture eni-0a1b2c…     capture without Wireshark
  vpcshark demo                    try it without an AWS account

Every option of "vpcshark capture" is in Wireshark's capture options dialog too, and as
tshark -o extcap.eni_0a1b2c.vni:77, and in the environment as VPCSHARK_VNI=77.
"""


def run(arguments: Sequence[str] | None = None) -> int:
    """Parse and run; 0 all well, 1 something failed and was said on stderr, 2 the command line cannot be used, 4 the
    output takes no more (a full disk); 3 is a command's own word for having nothing to show."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = build_parser(given[0] if given else "")
    options = parser.parse_args(given)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    _print_anything()
    log_file = logs.set_up(os.environ.get("VPCSHARK_LOG_LEVEL", "info"))
    try:
        status: int = options.run(options)
        return status
    except VpcsharkError as error:
        sys.stderr.write(f"vpcshark: {line(str(error))}\n")
        return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 1)
    except PermissionError as error:
        log.warning("vpcshark %s was refused a file.", options.command, exc_info=True)
        sys.stderr.write(f"vpcshark: {line(refusal(error))}\n")
        return 1
    except BrokenPipeError:  # the reader of our output has gone: "vpcshark interfaces | head"
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception:
        log.exception("vpcshark %s failed unexpectedly.", options.command)
        sys.stderr.write(f"vpcshark: This is a defect of vpcshark; {line(str(log_file))} tells more.\n")
        return 1
    finally:
        if options.command not in SWEEP_THEMSELVES | NO_ACCOUNT:
            _sweep()


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


def build_parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of ``command``, or of all commands if it is none."""
    parser = argparse.ArgumentParser(
        prog="vpcshark",
        description="See the packets of an AWS network interface (ENI) in Wireshark; leave nothing behind.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"vpcshark {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    modules = [COMMANDS[command]] if command in COMMANDS else dict.fromkeys(COMMANDS.values())
    for module in modules:
        importlib.import_module(f"vpcshark.cli.{module}").add(commands)
    return parser
