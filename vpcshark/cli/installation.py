"""The doctor's checks of this machine: its Wiresharks, our launchers, the Python that they run, what connections need.

Must not know AWS, nor how findings are shown.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from vpcshark import logs
from vpcshark.cleanup.detached import SAFE
from vpcshark.cli import install, places
from vpcshark.cli.findings import Check, Skipped
from vpcshark.errors import TransportError, VpcsharkError
from vpcshark.transport import ssm

_INSTALL = "Run: vpcshark install"
_PYTHON = re.compile(r"^(?:python=|set \"VPCSHARK_PYTHON=)'?([^'\"\n]*)", re.MULTILINE)


class Installation:
    """The checks in the order of the way from Wireshark to us."""

    def __init__(self, run: places.Run, home: Path | None = None, root: Path = Path("/")) -> None:
        self._run = run
        self._home = home or Path.home()
        self._root = root

    def checks(self) -> list[tuple[str, Check]]:
        """(subject, check)."""
        return [
            ("Wireshark", self.wireshark),
            ("other Wiresharks", self.others),
            ("launcher", self.launcher),
            ("other launchers", self.stale),
            ("Python", self.interpreter),
            ("Session Manager", self.plugin),
            ("log", self.log),
        ]

    def wireshark(self) -> str:
        """Which one, and where it looks for extcaps."""
        said = self._run(["tshark", "--version"]).splitlines()
        return f"{said[0].rstrip('.') if said else 'tshark'}; its personal extcap folder is {self._personal().parent}"

    def others(self) -> str:
        """Those of other folders: each looks for extcaps where its version does."""
        found = places.others(os.environ)
        without = [] if self._packaged() else [(one, folder) for one in found if (folder := self._lacking(one))]
        if without:
            one, folder = without[0]
            raise VpcsharkError(
                f"{one} looks for extcaps in {folder}, where vpcshark's launcher is not.",
                _INSTALL,
            )
        shut = " ".join(places.shut_in(self._home))
        return ". ".join(filter(None, [", ".join(map(str, found)) or "none", shut]))

    def launcher(self) -> str:
        """Is it there, ours, as this version has it, and does it answer?"""
        path = self._launcher()
        if not path.exists():
            raise VpcsharkError(f"{path} is not there, so Wireshark lists no ENI.", _INSTALL)
        text = path.read_text("utf-8", "replace")
        if install.MARK not in text:
            raise VpcsharkError(f"{path} is not vpcshark's.", "Move it away, then run: vpcshark install")
        if not os.access(path, os.X_OK):
            raise VpcsharkError(f"{path} is not executable.", _INSTALL)
        if text != install.filled_in(install.packaged().read_text("utf-8"), sys.executable):
            raise VpcsharkError(f"{path} is of another vpcshark than this one.", _INSTALL)
        install.check(path, self._run)
        return f"{path} answers"

    def stale(self) -> str:
        """Launchers that an install for another Wireshark or by another Python left: Wireshark may list ENIs twice."""
        here = self._launcher()
        for folder in places.usual(sys.platform, self._home, os.environ):
            path = folder / install.launcher_name()
            text = path.read_text("utf-8", "replace") if path.exists() and path != here else ""
            python = _PYTHON.search(text)
            if install.MARK in text and python and python[1] and not Path(python[1]).exists():
                problem = f"{path} is left over; it runs {python[1]}, which is gone."
                raise VpcsharkError(problem, "Run: vpcshark uninstall, then vpcshark install")
        return "none are left over"

    def interpreter(self) -> str:
        """The Python that the launcher runs."""
        path = self._launcher()
        found = _PYTHON.search(path.read_text("utf-8")) if path.exists() else None
        python = found[1] if found and found[1] else sys.executable
        said = self._run(
            [python, "-c", f"{SAFE}; import vpcshark; print(vpcshark.__version__, sys.version.split()[0])"]
        )
        version, _, of_python = said.strip().partition(" ")
        return f"{python} is {of_python} and has vpcshark {version}"

    def plugin(self) -> str:
        """AWS's session-manager-plugin, which only connection=ssm needs."""
        try:
            return f"{ssm.find_plugin()} is there, for connections by Session Manager"
        except TransportError as error:
            raise Skipped(f"{error.problem} Other connections do without.", error.remedy) from error

    def log(self) -> str:
        """Where it is, for whoever is asked for it."""
        return logs.used()

    def _lacking(self, program: Path) -> Path | None:
        """The folder that a Wireshark looks into, if our launcher is not there."""
        folder = places.looked_into(program, self._run, self._home, os.environ)
        return folder if folder and not (folder / install.launcher_name()).exists() else None

    def _launcher(self) -> Path:
        """The user's own, which Wireshark takes first; else a package's, for everybody; else where it should be."""
        personal = self._personal()
        return personal if personal.exists() else self._packaged() or personal

    def _personal(self) -> Path:
        return places.find(self._run, self._home)[0][0] / install.launcher_name()

    def _packaged(self) -> Path | None:
        found = (folder / install.launcher_name() for folder in places.shared(self._root))
        return next((path for path in found if path.exists()), None)
