"""The answers to Wireshark's questions, and what they cost."""

import io
import json
import subprocess
import sys

import pytest
from hands import wait_until

from vpcshark.capture.contract.listing import ListedInterface, Offer
from vpcshark.errors import AwsError
from vpcshark.extcap.main import main
from vpcshark.extcap.prepared.writer import Answers
from vpcshark.extcap.refresh import renew


class Services:
    """Answers at once; ``problem`` is raised instead."""

    def __init__(self, problem=None):
        self.problem = problem
        self.cleaned_up = 0

    def interfaces(self, options):
        """Two ENIs, not sorted."""
        if self.problem:
            raise self.problem
        return Offer([ListedInterface("eni-0b", "web-1 · eth0"), ListedInterface("eni-0a", "db-1 · eth0")])

    def values(self, name, interface, options, vpc=""):
        """One host whose name shows what was asked."""
        if self.problem:
            raise self.problem
        return [("i-0a", f"{name} for {interface} in {options.region}, VNI {options.vni}")]

    def capture(self, interface, options, sink, stop, status, course=None):
        """Not asked for here."""
        raise NotImplementedError

    def clean_up(self):
        """Count."""
        if self.problem:
            raise self.problem
        self.cleaned_up += 1


EXPIRED = AwsError("The SSO session of prod has expired.", "Run: aws sso login --profile prod")


@pytest.fixture
def ask(tmp_path):
    """One call, its log in a file of the test's own; gives (status, stdout, stderr)."""

    def run(line, services=None, environ=None, refresh=None):
        out, err = io.StringIO(), io.StringIO()
        environ = {
            "VPCSHARK_LOG_FILE": str(tmp_path / "log"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            **(environ or {}),
        }
        make = lambda: services or Services()  # noqa: E731
        here = lambda seconds: renew(make, environ, Answers(environ))  # noqa: E731
        status = main(line.split(), make, out, err, environ, refresh or here)
        return status, out.getvalue(), err.getvalue()

    return run


@pytest.fixture(autouse=True)
def _logging_as_before():
    """``main`` sets up logging for a process of its own."""
    import logging
    import threading

    root = logging.getLogger()
    before = (root.handlers[:], root.level, threading.excepthook, sys.unraisablehook, logging.raiseExceptions)
    yield
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:], level, threading.excepthook, sys.unraisablehook, logging.raiseExceptions = before
    root.setLevel(level)
    logging.captureWarnings(False)


def test_the_list_has_the_tool_first_then_its_toolbar_then_the_interfaces_in_order(ask, sentences):
    """Help and version attach to the interfaces behind them."""
    status, out, err = ask("--extcap-interfaces --extcap-version=4.0")
    assert (status, err) == (0, "")
    read = sentences(out)
    assert [kind for kind, _ in read] == [
        "extcap",
        "control",
        "control",
        "control",
        "control",
        "control",
        "interface",
        "interface",
        "interface",
    ]
    assert {"version", "help", "display"} <= read[0][1].keys()
    assert [fields["role"] for kind, fields in read if "role" in fields] == ["logger", "help", "control"]
    assert [fields["value"] for kind, fields in read if kind == "interface"] == ["eni-0b", "eni-0a", "aws-choose"]


@pytest.mark.parametrize("problem", [EXPIRED, KeyError("x")])
def test_a_list_that_cannot_be_had_says_why(ask, sentences, problem):
    """Status 0 and one entry: with another status Wireshark would show nothing at all."""
    status, out, err = ask("--extcap-interfaces", Services(problem))
    assert (status, err) == (0, "")
    [entry, _] = [fields for kind, fields in sentences(out) if kind == "interface"]
    assert entry["value"] == "aws-problem"
    assert ("aws sso login --profile prod" in entry["display"]) == (problem is EXPIRED)


def test_a_reload_offers_what_the_services_know(ask, sentences):
    """The dialog's other fields are given; what is half typed has its default."""
    line = "--extcap-config --extcap-interface eni-0a --extcap-reload-option host --region eu-west-1 --vni x"
    _, out, _ = ask(line)
    assert [fields["display"] for _, fields in sentences(out)][-1] == "host for eni-0a in eu-west-1, VNI None"


def test_a_reload_that_fails_has_a_line_that_says_why(ask, sentences):
    """Choosing that line is harmless: it is the default."""
    _, out, _ = ask("--extcap-config --extcap-interface eni-0a --extcap-reload-option host", Services(EXPIRED))
    last = sentences(out)[-1][1]
    assert last["value"] == "auto"
    assert "aws sso login" in last["display"]


def test_ethernet_is_the_only_dlt(ask, sentences):
    """Inner frames are Ethernet."""
    _, out, _ = ask("--extcap-dlts --extcap-interface eni-0a")
    assert sentences(out) == [("dlt", {"number": "1", "name": "EN10MB", "display": "Ethernet"})]


@pytest.mark.parametrize("text", ["tcp port 80", "", "vlan and host 10.0.0.1"])
def test_a_valid_filter_has_an_empty_answer(ask, text):
    """Green in the dialog."""
    assert ask(f"--extcap-capture-filter {text} --extcap-interface eni-0a")[:2] == (0, "")


def test_a_bad_filter_has_libpcaps_words_on_one_line(ask):
    """Red in the dialog."""
    status, out, _ = ask("--extcap-interface eni-0a --extcap-capture-filter tcp port 80x")
    assert (status, out.count("\n")) == (0, 1)
    assert "80x" in out


def test_the_clean_up_after_a_kill_runs_and_reports(ask):
    """Wireshark gives no interface."""
    services = Services()
    assert ask("--extcap-cleanup-postkill", services) == (0, "", "")
    assert services.cleaned_up == 1
    assert ask("--extcap-cleanup-postkill", Services(EXPIRED))[0] == 1


def test_nothing_asked_is_nothing_answered(ask):
    """And no error: a future Wireshark may try."""
    assert ask("--extcap-something-new x") == (0, "", "")


FAST = [
    (["--extcap-version=4.0"], ()),
    (["--extcap-dlts", "--extcap-interface", "eni-0a"], ()),
    (["--extcap-config", "--extcap-interface", "eni-0a"], ("appdirs",)),
    (["--extcap-interface", "eni-0a", "--extcap-capture-filter", "tcp"], ("scapy",)),
]


@pytest.mark.parametrize(("arguments", "allowed"), FAST, ids=lambda value: " ".join(value))
def test_fast_answers_import_nothing_heavy(arguments, allowed):
    """No third-party package, no capture, no logging of ours; the filter check has its libpcap binding."""
    program = (
        "import json, runpy, sys\n"
        "before = set(sys.modules)\n"
        "try: runpy.run_module('vpcshark.extcap', run_name='__main__', alter_sys=True)\n"
        "except SystemExit: pass\n"
        "names = {name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names\n"
        "ours = [name for name in sys.modules if name.startswith(('vpcshark.aws', 'vpcshark.capture.services'))]\n"
        "print(json.dumps(sorted(names - {'vpcshark'}) + ours + ['scapy.all'] * ('scapy.all' in sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout.splitlines()[-1])) <= set(allowed)


def test_sentences_are_utf8_whatever_the_locale(wireshark):
    """Wireshark reads UTF-8; an ASCII locale must not turn a name into an error."""
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    wait_until(
        lambda: "{display=web-1 · eth0}" in wireshark.extcap("--extcap-interfaces", **plain).stdout,
        "the list is there: a busy machine may need more than the two seconds that one is waited for",
    )
