"""The launcher under the shells that Wireshark may meet, with and without a Python that has vpcshark."""

import os
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vpcshark.cleanup import detached
from vpcshark.context import VARIABLES
from vpcshark.extcap.__main__ import PROGRAM
from vpcshark.extcap.prepared import reader as prepared_reader
from vpcshark.extcap.prepared.writer import Answers

LAUNCHER = Path(__file__).parents[2] / "extcap" / "vpcshark"
SHELLS = [["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"], ["zsh"], ["zsh", "--emulate", "sh"]]


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request):
    """Each shell in turn; one that is not installed is skipped."""
    if not shutil.which(request.param[0]):
        pytest.skip(f"{request.param[0]} is not installed")
    return [shutil.which(request.param[0]), *request.param[1:]]


@pytest.fixture
def filled(tmp_path):
    """The launcher with a given Python in it, in a folder whose name has a space and a quote."""

    def make(python, name="vpcshark"):
        from vpcshark.cli.install import filled_in

        path = tmp_path / "it's here" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(filled_in(LAUNCHER.read_text(), str(python)))
        path.chmod(0o755)
        return path

    return make


def run(shell, launcher, *arguments, **environ):
    """Run ``launcher`` by ``shell``."""
    environ = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run(
        [*shell, str(launcher), *arguments], env=environ, capture_output=True, encoding="utf-8", timeout=180
    )


# Everything that has a meaning somewhere: to a shell, to printf, to dash's and zsh's own marks (bytes 0x81 to 0xa2).
TEXT = "interface {value=eni-0a}{display=it's · «a» \\n $HOME `x` $(x) !! %s %d \" * ЁЂЃсбЃ 日本}\n" * 3
CONFIG = ("--extcap-config", "--extcap-interface", "eni-0a")


@pytest.fixture
def environ(tmp_path):
    """A user whose home has a blank, a quote and more than ASCII in its name."""
    home = tmp_path / "hö me's"
    home.mkdir()
    return {"HOME": str(home), "AWS_PROFILE": "it's|mine", "AWS_ACCESS_KEY_ID": "A" * 16 + "TAIL"}


@pytest.fixture
def kept(environ):
    """Prepared answers for that user's environment; gives their folder."""
    answers = Answers(environ)
    answers.write({"interfaces": TEXT, "config": TEXT * 99, "config-choose": "choose\n", "dlts": "dlt {number=1}\n"})
    return answers.folder


@pytest.fixture
def python(tmp_path, filled):
    """A Python that says that it was asked, and notes it when it is to refresh."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase $3 in --vpcshark*) : >"{tmp_path}/refreshed";; *) echo "asked: $*";; esac\n')
    python.chmod(0o755)
    return filled(python)


@pytest.mark.parametrize("path", ["", "/nowhere"], ids=["with a PATH", "without cat or anything else"])
def test_prepared_answers_are_printed_by_the_shell_alone(shell, python, environ, kept, path):
    """Byte by byte, without another program."""
    more = {**environ, **({"PATH": path} if path else {})}
    assert run(shell, python, *CONFIG, **more).stdout == TEXT * 99
    assert run(shell, python, "--extcap-dlts", "--extcap-interface=eni-0a", **more).stdout == "dlt {number=1}\n"
    chooser = run(shell, python, "--extcap-config", "--extcap-interface", "aws-choose", **more)
    assert (chooser.stdout, chooser.stderr, chooser.returncode) == ("choose\n", "", 0)


@pytest.mark.parametrize("value", ["", "here"])
def test_a_cache_home_that_is_no_path_counts_as_none(shell, python, environ, kept, value):
    """As in Python, which writes the answers: XDG Base Directory Specification."""
    more = {**environ, "XDG_CACHE_HOME": value}
    assert Answers(more).folder == kept
    assert run(shell, python, *CONFIG, **more).stdout == TEXT * 99


def test_the_list_is_printed_at_once_and_refreshed_in_the_background(shell, python, environ, kept, tmp_path):
    """The second time that the same process asks, it is Python that answers: it waits for what is new."""
    first = run(shell, python, "--extcap-interfaces", "--extcap-version=4.0", **environ)
    assert (first.stdout, first.stderr, first.returncode) == (TEXT, "", 0)
    wait_for(tmp_path / "refreshed")
    second = run(shell, python, "--extcap-interfaces", "--extcap-version=4.0", **environ)
    assert second.stdout.startswith(f"asked: {' '.join(PROGRAM)} --extcap-interfaces")


def test_a_named_capture_has_a_prepared_dialog_of_its_own(shell, python, environ, kept):
    """For its section of the settings has defaults of its own. For a name that none can have, and for what is wrong, it
    is that of all; one that is not prepared yet is asked of Python."""
    Answers(environ).write({"named-web-2": "web-2\n"})

    def dialog(interface):
        done = run(shell, python, "--extcap-config", "--extcap-interface", interface, **environ)
        assert done.stderr == ""
        return done.stdout

    assert dialog("aws-web-2") == "web-2\n"
    assert dialog("aws-problem-2") == dialog("aws-../named-web-2") == TEXT * 99
    assert dialog("aws-new").startswith("asked: ")


def test_the_process_is_known_again_after_others_have_asked(shell, python, environ, kept, tmp_path):
    """Wireshark is open, somebody runs tshark -D, then it is refreshed: by the launcher's note, and by Python's way to
    read it."""
    listing = ("--extcap-interfaces", "--extcap-version=4.0")
    assert run(shell, python, *listing, **environ).stdout == TEXT
    for _ in range(7):
        other = run(["sh", "-c", '"$@"; exit $?', "sh", *shell], python, *listing, **environ)
        assert (other.stdout, other.stderr) == (TEXT, "")
    assert run(shell, python, *listing, **environ).stdout.startswith("asked: ")
    assert prepared_reader.answer(listing, environ, os.getpid()) is None


def wait_for(path, seconds=10):
    """Until there is a file."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


@pytest.mark.parametrize("question", ["interfaces", "config", "dlts"])
@pytest.mark.parametrize("damage", ["cut", "half a quote", "empty", "zeros", "missing", "another's"])
def test_a_damaged_answer_is_asked_of_python(shell, python, environ, kept, question, damage):
    """And says nothing on stderr, which Wireshark would show."""
    file = kept / question
    whole = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        damaged = {
            "cut": whole[: len(whole) // 2],
            "half a quote": whole[: -len(f"'\nwhole='{question}'\n")],
            "empty": b"",
            "zeros": bytes(len(whole)),
            "another's": whole.replace(f"whole='{question}'".encode(), b"whole='other'"),
        }
        file.write_bytes(damaged[damage])
    done = run(shell, python, f"--extcap-{question}", "--extcap-interface", "eni-0a", **environ)
    assert done.stdout.startswith(f"asked: {' '.join(PROGRAM)} --extcap-")
    assert (done.stdout.count("asked"), done.stderr, done.returncode) == (1, "", 0)


@pytest.mark.parametrize("text", ["", "case $context in\n'", "indexed=whole\n", "case x in"])
def test_a_damaged_index_is_asked_of_python(shell, python, environ, kept, text):
    """Which writes it anew."""
    (kept.parent / "index").write_text(text)
    done = run(shell, python, *CONFIG, **environ)
    assert (done.stdout.count("asked: "), done.stderr) == (1, "")


@pytest.mark.parametrize("name", ["", "../elsewhere", "/SLOT", "SLOT/", "-n"])
def test_a_slot_that_is_no_name_is_asked_of_python(shell, python, environ, kept, name):
    """Of a damaged index it may lead to answers for another context, or out of the folder."""
    shutil.copytree(kept, kept.parent.parent / "elsewhere")
    shutil.copytree(kept, kept.parent / "-n")
    named = name.replace("SLOT", kept.name)
    (kept.parent / "index").write_text(f"slot='{named}'\nindexed=whole\n")
    done = run(shell, python, *CONFIG, **environ)
    assert (done.stdout.count("asked: "), done.stderr) == (1, "")


def test_another_environment_is_asked_of_python(shell, python, environ, kept):
    """Its answers are others."""
    assert run(shell, python, *CONFIG, **{**environ, "AWS_PROFILE": "other"}).stdout.startswith("asked: ")
    key = {**environ, "AWS_ACCESS_KEY_ID": "B" * 16 + "TAI"}
    assert run(shell, python, *CONFIG, **key).stdout.startswith("asked: ")


@pytest.mark.parametrize("name", ["config", "saved", "../index"])
def test_files_of_somebody_else_are_not_run(shell, python, environ, kept, tmp_path, name):
    """A shell runs what it sources: an answer, the list of what has one, the index of them all."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    Answers(environ).write({"config": TEXT}, ["eni-0a"])
    foreign, mark = kept / name, tmp_path / "ran"
    foreign.write_text(f": >'{mark}'\n{foreign.read_text()}")
    assert run(shell, python, *CONFIG, **environ).returncode == 0
    assert mark.exists()
    mark.unlink()
    os.chown(foreign, 65534, 65534)
    run(shell, python, *CONFIG, **environ)
    assert not mark.exists()


def test_a_folder_that_takes_no_note_means_that_python_lists(shell, python, environ, kept):
    """Else a list that can't be refreshed would stay for ever."""
    (kept / "asked").mkdir()
    done = run(shell, python, "--extcap-interfaces", **environ)
    assert done.stdout.startswith("asked: ")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "more",
    [("--extcap-reload-option", "host"), ("--vni", "7"), ("--something-new",), ("--capture", "--fifo", "/dev/null")],
)
def test_any_other_argument_is_for_python(shell, python, environ, kept, more):
    """Reloads, captures, and what a later Wireshark may say."""
    done = run(shell, python, *CONFIG, *more, **environ)
    assert done.stdout == f"asked: {' '.join([*PROGRAM, *CONFIG, *more])}\n"


def test_the_launcher_tells_contexts_apart_by_the_same_variables(shell):
    """As vpcshark/context.py, in the same order."""
    line = re.search(r'^context="(.*?)"$', LAUNCHER.read_text(), re.MULTILINE | re.DOTALL)
    names = re.findall(r"\$(\w+)", line[1])
    assert tuple(names) == VARIABLES


def test_with_answers_but_without_a_python_the_list_says_what_to_do(shell, filled, environ, kept):
    """vpcshark was removed, its answers were not."""
    done = run(shell, filled("/no/such/python"), "--extcap-interfaces", **environ)
    assert "vpcshark install" in done.stdout


def test_it_hands_the_question_to_the_python_that_was_filled_in(shell, filled, tmp_path):
    """Arguments arrive as they were, whatever is in them."""
    python = tmp_path / "it's here" / "python"
    filled(python)
    python.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    python.chmod(0o755)
    done = run(shell, filled(python), "--capture", "a b", "$HOME *", "it's", "")
    assert done.stdout == f"<{PROGRAM[0]}><{PROGRAM[1]}><--capture><a b><$HOME *><it's><>"


@pytest.mark.thin(3)
def test_in_a_checkout_it_finds_a_python_by_itself(shell, tmp_path):
    """Also through a symbolic link, relative or not."""
    (tmp_path / "link").symlink_to(os.path.relpath(LAUNCHER, tmp_path))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for launcher in (LAUNCHER, tmp_path / "link"):
        assert run(shell, launcher, "--extcap-dlts", PATH=path).stdout.startswith("dlt {number=1}")


def test_without_a_python_the_list_says_what_to_do(shell, filled, sentences):
    """One entry, status 0, and no second answer to the other questions."""
    launcher = filled("/no/such/python")
    done = run(shell, launcher, "--extcap-interfaces", "--extcap-version=4.0")
    assert (done.returncode, done.stderr) == (0, "")
    [tool, entry] = sentences(done.stdout)
    assert (tool[0], entry[0], entry[1]["value"]) == ("extcap", "interface", "aws-problem")
    assert "vpcshark install" in entry[1]["display"]
    done = run(shell, launcher, "--extcap-config", "--extcap-interface", "eni-0a")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_python_a_capture_opens_the_fifo_and_fails(shell, filled, fifo):
    """Else Wireshark would wait for ever."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    done = run(shell, filled("/no/such/python"), "--capture", "--extcap-interface", "eni-0a", "--fifo", str(fifo))
    assert (done.returncode, done.stdout) == (1, "")
    assert "vpcshark install" in done.stderr
    assert os.read(reader, 1) == b""
    os.close(reader)


@pytest.fixture
def bare(tmp_path):
    """A Python that had vpcshark once, and has it no more."""
    python = tmp_path / "bare"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    return python


def test_a_python_that_lost_vpcshark_opens_the_fifo_of_a_capture_and_fails(shell, filled, bare, environ, kept, fifo):
    """The answers of before still list ENIs, and a capture that opened no FIFO would hang dumpcap."""
    launcher = filled(bare)
    assert run(shell, launcher, "--extcap-interfaces", **environ).stdout == TEXT
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    done = run(shell, launcher, "--capture", "--extcap-interface", "eni-0a", "--fifo", str(fifo), **environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert "vpcshark install" in done.stderr
    assert is_hung_up(reader)
    os.close(reader)


def is_hung_up(reader):
    """Has somebody opened the FIFO for writing, and closed it?"""
    poller = select.poll()
    poller.register(reader)
    return bool(poller.poll(0)) and os.read(reader, 1) == b""


def test_a_python_that_lost_vpcshark_lists_what_to_do(shell, filled, bare, environ):
    """Where it must answer itself."""
    done = run(shell, filled(bare), "--extcap-interfaces", **environ)
    assert "vpcshark install" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_a_python_without_vpcshark_is_not_taken(shell, tmp_path):
    """A launcher that lies alone, with a python3 on the PATH that knows nothing of us."""
    copy = tmp_path / "alone" / "extcap" / "vpcshark"
    copy.parent.mkdir(parents=True)
    shutil.copy(LAUNCHER, copy)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to("/bin/false")
    done = run(shell, copy, "--extcap-interfaces", PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert "aws-problem" in done.stdout


def pythons() -> list[str]:
    """Ours, and whatever supported ones a machine has besides."""
    others = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob("3.1[0-4]*/bin/python3")
    return [sys.executable, *sorted(map(str, others))]


@pytest.fixture
def trap(tmp_path):
    """A folder with a module of each name that the standard library has, and of ours: each says that it was run."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in sys.stdlib_module_names | {"vpcshark", "boto3", "appdirs", "sitecustomize_"}:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'a').write({name!r} + ' ')\n")
    return folder


def sprung(trap):
    """Which of them were run."""
    said = trap.parent / "sprung"
    return said.read_text() if said.exists() else ""


@pytest.fixture
def stranger(tmp_path):
    """The environment of a Python that finds us, and nothing in the folder where it is run, but by itself."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{LAUNCHER.parents[1]}:{packages}",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.mark.thin(4)
@pytest.mark.parametrize("version", pythons())
def test_nothing_is_imported_from_the_directory_it_is_run_in(version, filled, trap, stranger, tmp_path):
    """Wireshark may be started anywhere, beside anybody's files. Neither by the answer, nor by the look whether that
    Python has vpcshark, the janitor or the sweep, which inherit PYTHONSAFEPATH (3.10 knows none)."""
    folder = tmp_path / "state"
    folder.mkdir()
    child = [*detached.program(version, "vpcshark.cleanup.background"), str(folder)]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(version)
    alone = tmp_path / "alone" / "extcap" / "vpcshark"  # asks whether python3 knows vpcshark
    alone.parent.mkdir(parents=True)
    shutil.copy(LAUNCHER, alone)
    path = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    inherited = {"PYTHONSAFEPATH": "1"}
    for command, more in (([filled(version), "--extcap-dlts"], {}), ([alone, "--extcap-dlts"], {}), (child, inherited)):
        done = subprocess.run(command, cwd=trap, env={**stranger, **path, **more}, capture_output=True, text=True)
        assert (done.returncode, done.stderr, sprung(trap)) == (0, "", ""), command
        assert done.stdout.startswith("dlt ") or command is child


def test_a_refresh_imports_nothing_from_there_either(trap, stranger):
    """The child of a list, which asks AWS with all that this takes, by the oldest Python that is here."""
    oldest = min(pythons(), key=lambda python: subprocess.run([python, "-V"], capture_output=True).stdout)
    refresh, inherited = [oldest, *PROGRAM, "--vpcshark-refresh=wait"], {"PYTHONSAFEPATH": "1"}
    listed = subprocess.run(refresh, cwd=trap, env={**stranger, **inherited}, capture_output=True, text=True)
    assert (listed.stdout.count("extcap {version="), sprung(trap)) == (1, "")


def test_a_child_is_run_as_the_launcher_runs_it():
    """By the same words, whichever starts it."""
    text = LAUNCHER.read_text("utf-8")
    safe, run = (re.search(rf"^{name}=(.*)$", text, re.MULTILINE)[1][1:-1] for name in ("safe", "run"))
    assert ("-c", run.replace("$safe", safe)) == PROGRAM
    batch = LAUNCHER.with_suffix(".bat").read_text("utf-8")
    assert f'"%VPCSHARK_PYTHON%" -c "{PROGRAM[1]}" %*'.replace('""', "''") in batch


def test_shellcheck_has_nothing_to_say():
    """As make check does."""
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", str(LAUNCHER)], capture_output=True, text=True)
    assert done.stdout == ""


def test_in_a_long_list_only_the_first_keep_their_values(shell, python, environ, kept):
    """By a file that a shell reads as fast; one that was cut is asked of Python."""
    answers = Answers(environ)
    answers.write({"config-unsaved": "unsaved\n"}, ["eni-0b", "it's", "eni-0a"])
    names = ("eni-0a", "it's", "eni-0", "*", "")
    asked = [run(shell, python, "--extcap-config", "--extcap-interface", name, **environ).stdout for name in names]
    assert asked == [TEXT * 99, TEXT * 99, "unsaved\n", "unsaved\n", "unsaved\n"]
    whole = (kept / "saved").read_text()
    for size in (len(whole) - 4, len(whole) // 2, 0):
        (kept / "saved").write_text(whole[:size])
        done = run(shell, python, *CONFIG, **environ)
        assert (done.stdout.count("asked: "), done.stderr) == (1, "")
