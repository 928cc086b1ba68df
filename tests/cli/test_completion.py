"""What the shells' Tab is answered, by bash itself where it can be: no list is asked of AWS for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vpcshark.cli.arguments.completion import SHELLS
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers

LIST = (
    "extcap {version=1}\n"
    "interface {value=aws-problem}{display=AWS: expired}\n"
    "interface {value=eni-0aa}{display=web-1 · eth0 · 10.1.0.105 · eni-0aa}\n"
    "interface {value=eni-0ab}{display=web-2 · eth0 · 10.1.0.106 · eni-0ab}\n"
    "interface {value=eni-0bb}{display=twin · eth0 · 10.1.0.107 · eni-0bb}\n"
    "interface {value=eni-0bc}{display=twin · eth0 · 10.1.0.108 · eni-0bc}\n"
    "interface {value=eni-0cc}{display=$(rm) x · eth0 · 10.1.0.109 · eni-0cc}\n"
    "interface {value=aws-web}{display=web · capture}\n"
    "interface {value=aws-choose}{display=AWS: choose an ENI…}\n"
)
ENIS = {"web-1", "web-2", "eni-0aa", "eni-0ab", "eni-0bb", "eni-0bc", "eni-0cc", "aws-web", "web"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user who has listed once, and has no way to AWS."""
    place = tmp_path / "bin"
    place.mkdir()
    program = place / "vpcshark"
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom vpcshark.cli import main\nsys.exit(main())\n")
    program.chmod(0o755)
    environ = {"HOME": str(tmp_path), "PATH": f"{place}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    Answers(environ).write({reader.INTERFACES: LIST})
    return environ


def completed(environ: dict[str, str], line: str) -> list[str]:
    """What bash offers at the end of ``line``."""
    bash = shutil.which("bash")
    assert bash is not None
    script = (
        'eval "$(vpcshark completion bash)"\n'
        f"COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9\n"
        "COMP_WORDS=($COMP_LINE); case $COMP_LINE in *' ') COMP_WORDS+=('');; esac\n"
        "COMP_CWORD=$((${#COMP_WORDS[@]}-1))\n"
        '_python_argcomplete vpcshark "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run([bash, "-c", script], env=environ, capture_output=True, text=True, check=True)
    return sorted(word.strip() for word in done.stdout.splitlines() if word.strip())


def test_commands_are_completed(environ):
    """By their first letters."""
    assert completed(environ, "vpcshark c") == ["capture", "capture-host", "cleanup", "completion", "config"]
    assert completed(environ, "vpcshark capture -v --packet-l") == ["--packet-length"]
    assert completed(environ, "vpcshark -v pre") == ["preflight"]


def test_enis_are_completed_by_name_and_id_from_the_last_list(environ):
    """A name that two have is no name for one, and one with blanks would be two words."""
    offered = completed(environ, "vpcshark capture ")
    assert {word for word in offered if not word.startswith("-")} == ENIS
    assert completed(environ, "vpcshark preflight web-") == ["web-1", "web-2"]
    assert completed(environ, "vpcshark capture web-1 eni-0a") == ["eni-0aa", "eni-0ab"]


def test_values_of_an_option_are_completed(environ):
    """From the table of options."""
    assert completed(environ, "vpcshark capture web-1 --mode ") == ["auto", "flowlogs", "mirror", "tcpdump"]


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(environ, shell):
    """That the shell itself takes for a script."""
    program = shutil.which("vpcshark", path=environ["PATH"])
    done = subprocess.run([program, "completion", shell], env=environ, capture_output=True, text=True, check=True)
    assert "_ARGCOMPLETE" in done.stdout
    if there := shutil.which(shell):
        subprocess.run([there, "-n"], input=done.stdout, text=True, check=True)
