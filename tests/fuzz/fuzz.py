"""Coverage-guided fuzzing of wire (atheris), from the corpus in this folder.

    python tests/fuzz/fuzz.py [--seconds 600] [--target NAME] [--keep]

Ends with status 0 if nothing was found; else the input that did it is in build/fuzz, and what it did in the
report above. ``--keep`` adds to the corpus what reached new code, each case as small as it was found.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
FOUND = HERE.parents[1] / "build" / "fuzz"
LIMITS = ["-max_len=2048", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]
"""A case that takes 10 s loops, and one that takes 2 GB grows."""
sys.path.insert(0, str(HERE.parent / "support"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--target", default="", help="only this one (default: all, in turns)")
    parser.add_argument("--keep", action="store_true", help="add what reached new code to the corpus")
    given = parser.parse_args()
    cases = FOUND / "cases"
    cases.mkdir(parents=True, exist_ok=True)
    limits = [*LIMITS, f"-artifact_prefix={FOUND}/"]
    status = run(given.target, [*limits, f"-max_total_time={given.seconds}", str(cases), str(CORPUS)])
    if given.keep and not status:
        status = run(given.target, [*limits, "-merge=1", str(CORPUS), str(cases)])
    return status


def run(target: str, arguments: list[str]) -> int:
    """A process of its own, as libFuzzer never returns."""
    return subprocess.run([sys.executable, __file__, "--libfuzzer", target, *arguments], check=False).returncode


def fuzz(target: str, arguments: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["vpcshark"]):
        import fuzz_targets

    one = fuzz_targets.TARGETS[target] if target else fuzz_targets.one_input
    again = f"{sys.executable} {__file__} --libfuzzer '{target}'"  # what libFuzzer's merging runs, through a shell
    atheris.Setup([again, *arguments], one)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--libfuzzer"]:
        os.environ.setdefault("PYTHONHASHSEED", "0")
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
