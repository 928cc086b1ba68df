"""Records docs/talk.console anew, by its own commands, and draws docs/images/talk.svg (root).

The question of a conference talk, asked in the lab's copy of its network. Must not know what the answer is.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
RECORD, PICTURE = PROJECT / "docs" / "talk.console", PROJECT / "docs" / "images" / "talk.svg"
sys.path.insert(0, str(PROJECT / "tests" / "support"))

import mending  # noqa: E402
import terminal_records  # noqa: E402


def main() -> None:
    """Write both. The picture is of the walk that the answer came from."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        environment = {**mending.beside(place, dict(os.environ)), "XDG_STATE_HOME": folder}
        said = terminal_records.play(terminal_records.commands(RECORD.read_text("utf-8")), environment, place)
        RECORD.write_text(said, encoding="utf-8")
        PICTURE.write_bytes((place / "talk.svg").read_bytes())


if __name__ == "__main__":
    main()
