"""Coverage-guided fuzzing of wire and diagnose (atheris), from the corpus in this folder.

    python tests/fuzz/fuzz.py [--seconds 600] [--target NAME] [--keep] [--blind]

``--blind`` changes cases of the corpus at random and looks at no coverage, which takes a tenth of the time for each.
Ends with status 0 if nothing was found; else the input that did it is in build/fuzz, and what it did in the
report above. ``--keep`` adds to the corpus what reached new code, each case as small as it was found.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
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
    parser.add_argument("--target", default="", help="only this one, or diagnose: both of its (default: all, in turns)")
    parser.add_argument("--keep", action="store_true", help="add what reached new code to the corpus")
    parser.add_argument("--blind", action="store_true", help="many more cases, and no coverage that leads to them")
    given = parser.parse_args()
    if given.blind:
        return blind(given.target, given.seconds)
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


def blind(target: str, seconds: float) -> int:
    """In this process, for so long; what fails is left in build/fuzz."""
    import fuzz_targets

    dice, begun, used, count = random.Random(), time.monotonic(), time.process_time(), 0
    corpus = [case.read_bytes() for case in sorted(CORPUS.iterdir())]
    chosen = fuzz_targets.target(target)
    while time.monotonic() - begun < seconds:
        data = changed(dice, corpus)
        count += 1
        try:
            chosen(data)
        except Exception:
            FOUND.mkdir(parents=True, exist_ok=True)
            (FOUND / f"blind-{count}").write_bytes(data)
            raise
    used = time.process_time() - used
    sys.stdout.write(f"{count} cases, {count / used:.0f} for each second of CPU time; nothing was found\n")
    return 0


def changed(dice: random.Random, corpus: list[bytes]) -> bytes:
    """A case, or pieces of two, or nothing but chance; and a few bytes of that changed."""
    data = bytearray(dice.choice(corpus)[: dice.choice((100, 400, 2048))])
    if dice.random() < 0.3:
        data += dice.choice(corpus)[: dice.randrange(600)]
    if dice.random() < 0.2:
        data = bytearray(dice.randbytes(dice.randrange(1, 600)))
    for _ in range(dice.randrange(12) if data else 0):
        place = dice.randrange(len(data))
        if dice.random() < 0.2:
            data[place:place] = dice.randbytes(dice.randrange(8))
        else:
            data[place] = dice.choice((0, 1, 2, 6, 0x45, 0x81, 0xFF, dice.randrange(256)))
    return bytes(data)


def fuzz(target: str, arguments: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["vpcshark"]):
        import fuzz_targets

    one = fuzz_targets.target(target)
    again = f"{sys.executable} {__file__} --libfuzzer '{target}'"  # what libFuzzer's merging runs, through a shell
    atheris.Setup([again, *arguments], one)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--libfuzzer"]:
        os.environ.setdefault("PYTHONHASHSEED", "0")
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
