"""Prepared answers: what was kept is read back whole or not at all, by the user alone, and only where it belongs."""

import json
import os
import sys
import threading

import pytest

from vpcshark import context, folders
from vpcshark.capture.contract.selection import NAMED
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers

TEXT = "interface {value=eni-0a}{display=it's · «a» \\n $HOME `x` !! %s\t\"}\n" * 3


@pytest.fixture
def environ(tmp_path):
    """A user's environment with a home of its own, whose name has a blank and is not ASCII."""
    return {"HOME": str(tmp_path / "hö me"), "AWS_PROFILE": "it's|mine", "AWS_ACCESS_KEY_ID": "A" * 16 + "TAIL"}


def kept(environ, **answers):
    """Answers that were written."""
    one = Answers(environ)
    one.write({"interfaces": TEXT, "config": "arg {number=0}\n", "dlts": "dlt {number=1}\n", **answers})
    return one


def test_what_was_written_is_read_back(environ):
    """By the one who wrote it, and by the way that Python answers before it imports anything."""
    answers = kept(environ)
    assert answers.read("interfaces") == TEXT
    assert reader.answer(["--extcap-config", "--extcap-interface", "eni-0a"], environ, 1) == "arg {number=0}\n"
    assert reader.answer(["--extcap-interfaces", "--extcap-version=4.0"], environ, 1) == TEXT


def test_all_of_it_is_the_users_alone(environ, tmp_path):
    """Folders 0700, files 0600, and no key's id in any of them."""
    kept(environ)
    assert reader.answer(["--extcap-interfaces"], environ, 1) == TEXT
    places = [one for one in (tmp_path / "hö me").rglob("*") if one.name != ".cache"]
    assert {one.stat().st_mode & 0o777 for one in places if one.is_dir()} == {0o700}
    assert {one.stat().st_mode & 0o777 for one in places if one.is_file()} == {0o600}
    assert not [one for one in places if one.is_file() and b"A" * 5 in one.read_bytes()]


@pytest.mark.parametrize("name", [*context.VARIABLES, "AWS_ACCESS_KEY_ID"])
def test_another_environment_has_other_answers(environ, name):
    """Each variable that changes an answer tells contexts apart, and both are kept."""
    kept(environ)
    other = {**environ, name: "A" * 16 + "other"}
    assert reader.answer(["--extcap-config"], other, 1) is None
    kept(other, config="other\n")
    assert reader.answer(["--extcap-config"], other, 1) == "other\n"
    assert reader.answer(["--extcap-config"], environ, 1) == "arg {number=0}\n"


def test_the_second_question_of_the_same_wireshark_wants_fresh_answers(environ):
    """Refresh Interfaces comes from a process that has asked before; another one is served at once."""
    kept(environ)
    asked = [reader.answer(["--extcap-interfaces"], environ, parent) is not None for parent in (7, 7, 8, 77)]
    assert asked == [True, False, True, True]


def test_a_wireshark_is_known_again_after_others_have_asked(environ):
    """Seven; each time that it asks it is the last one again."""
    kept(environ)

    def is_new(parent):
        return reader.answer(["--extcap-interfaces"], environ, parent) is not None

    assert is_new(7)
    for first in (100, 200, 300):
        assert all(is_new(first + number) for number in range(7))
        assert not is_new(7)
    assert all(is_new(400 + number) for number in range(8))
    assert is_new(7)


@pytest.mark.parametrize("question", reader.QUESTIONS)
def test_a_cut_file_is_no_answer(question):
    """Wherever it was cut."""
    whole = reader.render(question, TEXT)
    assert reader.parse(question, whole) == TEXT
    assert {reader.parse(question, whole[:size]) for size in range(len(whole))} == {None}


def test_the_answer_to_one_question_is_none_to_another():
    """A file in the wrong place."""
    assert reader.parse("dlts", reader.render("config", TEXT)) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--extcap-interfaces --extcap-version=4.0", "interfaces"),
        ("--extcap-config --extcap-interface eni-0a", "config"),
        ("--extcap-config --extcap-interface=aws-choose", "config-choose"),
        ("--extcap-dlts --extcap-interface eni-0a --extcap-version=4.4", "dlts"),
        ("--extcap-config --extcap-interface eni-0a --extcap-reload-option host", ""),
        ("--capture --extcap-interface eni-0a --fifo x", ""),
        ("--extcap-version=4.0", ""),
        ("", ""),
    ],
)
def test_only_the_plain_questions_have_prepared_answers(line, expected):
    """Everything else is asked of Python."""
    assert reader.question(line.split()) == expected


@pytest.mark.parametrize(
    ("interface", "expected"),
    [
        ("aws-web-2", "named-web-2"),
        ("aws-choose", "config-choose"),
        ("aws-problem", "config"),
        ("aws-problem-2", "config"),
        ("aws-../x", "config"),
        ("eni-0a", "config"),
        ("", "config"),
    ],
)
def test_a_named_capture_has_a_dialog_of_its_own(interface, expected):
    """As the launcher has it."""
    assert reader.question(["--extcap-config", "--extcap-interface", interface]) == expected
    assert reader.NAMED == NAMED


def test_old_contexts_make_room_for_new_ones(environ):
    """So that keys that change every hour do not fill the disk; the newest stay."""
    for number in range(20):
        kept({**environ, "AWS_PROFILE": f"p{number}"})
    folder = Answers(environ).folder.parent
    assert len([one for one in folder.iterdir() if one.is_dir()]) <= 13
    assert reader.slot(str(folder), {**environ, "AWS_PROFILE": "p19"})


def test_the_first_answers_do_not_replace_those_that_came_meanwhile(environ):
    """Who gave up waiting writes that there is nothing yet, unless there is."""
    answers = Answers(environ)
    answers.begin({"interfaces": "nothing yet\n"})
    assert answers.age() > 1e6
    answers.write({"interfaces": TEXT})
    answers.begin({"interfaces": "nothing yet\n"})
    assert answers.read("interfaces") == TEXT
    assert answers.age() < 60


def test_a_clock_that_was_set_back_makes_answers_old(environ, clock):
    """Else they would stay for years."""
    kept(environ)
    assert Answers(environ, clock).age() == float("inf")


def test_one_refreshes_at_a_time(environ):
    """The second leaves, or waits for its turn."""
    answers, turns = Answers(environ), []
    with answers.refreshing(wait=False) as first, Answers(environ).refreshing(wait=False) as second:
        assert (first, second) == (True, False)

        def wait():
            with Answers(environ).refreshing(wait=True) as is_mine:
                turns.append(is_mine)

        thread = threading.Thread(target=wait)
        thread.start()
        assert turns == []
    thread.join(180)
    assert turns == [True]


def test_writers_at_the_same_time_leave_whole_answers(environ):
    """Of one or the other."""
    texts = [f"{letter}\n" * 20000 for letter in "abcd"]
    threads = [threading.Thread(target=kept, args=(environ,), kwargs={"config": text}) for text in texts]
    for thread in threads:
        thread.start()
    seen = {Answers(environ).read("config") for _ in range(50)} | {reader.answer(["--extcap-config"], environ, 1)}
    for thread in threads:
        thread.join()
    assert Answers(environ).read("config") in texts
    assert seen <= {None, *texts}


def test_without_a_home_nothing_is_kept(tmp_path):
    """And that is an error for the one who would keep it."""
    with pytest.raises(OSError, match="home"):
        Answers({}).write({"interfaces": TEXT})
    assert Answers({}).read("interfaces") is None
    with Answers({}).refreshing(wait=False) as is_mine:
        assert is_mine


def test_the_folder_is_the_one_that_appdirs_names():
    """Found without appdirs, because the launcher has none."""
    assert context.folder(dict(os.environ)) == str(folders.cache() / "answers")
    assert context.folder({"HOME": "/h"}, "darwin") == "/h/Library/Caches/vpcshark/answers"
    assert context.folder({"LOCALAPPDATA": "/l"}, "win32").replace("\\", "/") == "/l/vpcshark/Cache/answers"


def test_reading_prepared_answers_imports_nothing_else(environ, tmp_path):
    """On Windows there is no shell that would be faster than Python."""
    import subprocess

    kept(environ)
    program = (
        "import json, runpy, sys; helpers = set(sys.modules)\n"
        "sys.argv[1:] = ['--extcap-config', '--extcap-interface', 'eni-0a']\n"
        "try: runpy.run_module('vpcshark.extcap', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(set(sys.modules) - helpers)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    answer, modules = done.stdout.splitlines()
    assert answer == "arg {number=0}"
    packages = {"vpcshark", "vpcshark.extcap", "vpcshark.extcap.prepared"}
    ours = {*packages, "vpcshark.context", "vpcshark.extcap.prepared.reader", "vpcshark.extcap.__main__"}
    assert set(json.loads(modules)) <= ours | {"__future__", "__main__"}


def test_in_a_long_list_only_the_first_keep_their_values(environ):
    """Wireshark's time grows with the square of the preferences that it keeps."""
    answers = kept(environ, **{"config-unsaved": "unsaved\n"})
    answers.write({}, ["eni-0a", "it's"])
    asked = {
        name: reader.answer(["--extcap-config", "--extcap-interface", name], environ, 1)
        for name in ("eni-0a", "it's", "eni-0")
    }
    assert asked == {"eni-0a": "arg {number=0}\n", "it's": "arg {number=0}\n", "eni-0": "unsaved\n"}
    answers.write({})
    assert reader.answer(["--extcap-config", "--extcap-interface=eni-0"], environ, 1) == "arg {number=0}\n"
