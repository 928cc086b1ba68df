"""The capture phase in a process of its own: what Wireshark sees of it, and that every end is a clean one."""

import os
import signal
import subprocess
import sys
import time

import pytest
from pace import pace
from told import by_extcap

CAPTURE = ["--capture", "--extcap-interface", "eni-0a", "--fifo"]


@pytest.fixture
def reader(fifo):
    """The reading end, in the place of dumpcap."""
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_a_second_one_does_not_hurry_the_clean_up(wireshark, fifo, reader, number):
    """Exit status 0 and a silent stderr: stopping is not an error."""
    process = wireshark.start(*CAPTURE, str(fifo), FAKE_CLEANUP="0.5")
    wireshark.wait_for("started")
    process.send_signal(number)
    wireshark.wait_for("cleaning")
    process.send_signal(number)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=180) == ("", "")
    assert process.returncode == 0
    assert wireshark.wait_for("cleaned")["cleaned"] == f"signal {signal.Signals(number).name}"


def test_the_fifo_closed_while_idle_ends_it(wireshark, fifo):
    """Nothing is written, and still it ends."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    process = wireshark.start(*CAPTURE, str(fifo))
    wireshark.wait_for("started")
    os.close(reader)
    assert process.communicate(timeout=180) == ("", "")
    assert wireshark.wait_for("cleaned")["cleaned"] == "the FIFO was closed"


def test_the_fifo_closed_while_packets_flow_ends_it(wireshark, fifo):
    """Whichever notices first, the write or the watcher, the clean-up runs."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    process = wireshark.start(*CAPTURE, str(fifo), FAKE_CAPTURE="flood")
    wireshark.wait_for("started")
    os.close(reader)
    assert process.communicate(timeout=180) == ("", "")
    assert "cleaned" in wireshark.wait_for("cleaned")


def test_sigterm_ends_it_while_dumpcap_reads_nothing(wireshark, fifo, reader):
    """The FIFO is full; a blocking write would swallow the signal."""
    process = wireshark.start(*CAPTURE, str(fifo), FAKE_CAPTURE="flood")
    wireshark.wait_for("started")
    process.terminate()
    assert process.communicate(timeout=180) == ("", "")
    assert wireshark.wait_for("cleaned")["cleaned"] == "signal SIGTERM"


def test_the_control_pipe_closed_ends_it(wireshark, fifo, reader, tmp_path, in_thread):
    """The GUI went away without a signal; it had opened its pipes first, as it does."""
    control_in, control_out = tmp_path / "in", tmp_path / "out"
    os.mkfifo(control_in)
    os.mkfifo(control_out)
    ends = []
    thread = in_thread(lambda: ends.extend([os.open(control_in, os.O_WRONLY), os.open(control_out, os.O_RDONLY)]))
    pipes = ["--extcap-control-in", str(control_in), "--extcap-control-out", str(control_out)]
    process = wireshark.start(*CAPTURE, str(fifo), *pipes, "--log-file", str(tmp_path / "log"))
    thread.join(180)
    os.write(ends[0], b"T\0\0\x02\0\0")
    wireshark.wait_for("started")
    assert os.read(ends[1], 15) == b"T\0\0\x0b\0\x06Capturing"
    os.close(ends[0])
    assert process.communicate(timeout=180) == ("", "")
    os.close(ends[1])
    assert wireshark.wait_for("cleaned")["cleaned"] == "the control pipe was closed"
    first = (tmp_path / "log").read_text().splitlines()[0]
    assert first.endswith("menu View > Interface Toolbars > AWS VPC Traffic Mirroring.")  # it is hidden until asked for


def test_the_parent_killed_ends_it(wireshark, fifo, reader):
    """SIGKILL to tshark reaches nobody else."""
    program = f"import subprocess, sys; subprocess.run({[*wireshark.command, *CAPTURE, str(fifo)]!r})"
    parent = subprocess.Popen([sys.executable, "-c", program], env=wireshark.environ)
    wireshark.wait_for("started")
    parent.kill()
    parent.wait()
    assert wireshark.wait_for("cleaned")["cleaned"] == "the parent process has gone"


@pytest.mark.parametrize(
    ("arguments", "environ", "first", "second"),
    [
        (["--vni", "x"], {}, '--vni: "x" is not a whole number from 0 to 16777215.', "Correct it"),
        ([], {"VPCSHARK_DNS": "?"}, 'VPCSHARK_DNS: "?" is not true or false.', "Correct it"),
        (["--extcap-capture-filter", "tcp prot 80"], {}, 'The capture filter "tcp prot 80" is not valid: ', "See the"),
        (["--log-file", "/no/such/log"], {}, "The log file /no/such/log can't be written: ", "Name another"),
        ([], {"FAKE_CAPTURE": "defect"}, "vpcshark failed unexpectedly (ZeroDivisionError).", "The details are in "),
        (["--extcap-interface", "aws-problem"], {}, "This entry is no network interface", "Then choose"),
    ],
)
def test_an_error_is_two_lines_after_the_fifo_was_opened(wireshark, fifo, reader, arguments, environ, first, second):
    """What happened and what to do, status 1, no traceback, nothing on stdout."""
    done = wireshark.extcap(*CAPTURE, str(fifo), *arguments, **environ)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (1, "", 2)
    assert lines[0].startswith(first)
    assert lines[1].startswith(second)
    os.set_blocking(reader, True)
    os.read(reader, 4096)  # would block for ever had the FIFO not been opened and closed


def test_a_long_error_fits_into_what_wireshark_keeps(wireshark, fifo, reader):
    """1024 bytes, whatever the text."""
    done = wireshark.extcap(*CAPTURE, str(fifo), FAKE_CAPTURE="refused")
    assert done.stderr.startswith("eni-0a can't be mirrored: its type is too old.")
    assert 900 < len(done.stderr.encode()) <= 1024


def test_a_defect_leaves_its_traceback_in_the_log(wireshark, fifo, reader, tmp_path):
    """The user is told which file; it is the user's alone."""
    done = wireshark.extcap(*CAPTURE, str(fifo), "--log-file", str(tmp_path / "log"), FAKE_CAPTURE="defect")
    assert f"The details are in {tmp_path / 'log'}." in done.stderr
    text = (tmp_path / "log").read_text()
    assert "Traceback" in text
    assert "ZeroDivisionError: secret detail" in text
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_warnings_and_failed_threads_go_to_the_log(wireshark, fifo, reader, tmp_path):
    """Wireshark would show them as an error of the capture."""
    done = wireshark.extcap(*CAPTURE, str(fifo), "--log-file", str(tmp_path / "log"), FAKE_CAPTURE="thread")
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "log").read_text()
    assert "a library warns" in text
    assert "division by zero" in text


def test_options_reach_the_services(wireshark, fifo, reader):
    """From the command line and the environment, converted."""
    process = wireshark.start(*CAPTURE, str(fifo), "--vni", "77", "--extcap-capture-filter", "udp", VPCSHARK_DNS="0")
    wireshark.wait_for("started")
    process.terminate()
    process.communicate(timeout=180)
    options = wireshark.wait_for("capture")["options"]
    assert (options["vni"], options["user_filter"], options["dns"]) == (77, "udp", False)


NO_FIFO = "--capture needs --fifo: the file to write to."


def test_without_a_fifo_it_says_so(wireshark):
    """For who runs it by hand."""
    done = wireshark.extcap("--capture", "--extcap-interface", "eni-0a")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, NO_FIFO)


@pytest.fixture
def installed(wireshark):
    """Real tshark with the invented extcap, whose list is there however busy the machine is."""
    wireshark.install()
    assert "web-1" in wireshark.extcap("--vpcshark-refresh=wait").stdout
    return wireshark


def test_tshark_captures_and_its_preferences_arrive(installed, tmp_path):
    """-o extcap.<eni>.<option>, dashes removed, in the types that Wireshark has."""
    file = tmp_path / "out.pcapng"
    preferences = ["vni:77", "dns:false", "sessionnumber:3", "host:i-0abc", "sshuser:ec2-user", "loglevel:debug"]
    arguments = [word for preference in preferences for word in ("-o", f"extcap.eni_0a.{preference}")]
    done = installed.tshark("-i", "eni-0a", "-a", "packets:1", "-w", str(file), *arguments)
    assert done.returncode == 0, done.stderr
    options = installed.wait_for("capture")["options"]
    wanted = {"vni": 77, "dns": False, "session_number": 3, "host": "i-0abc", "ssh_user": "ec2-user"}
    assert {name: options[name] for name in wanted} == wanted
    assert options["log_level"] == "debug"
    assert "cleaned" in installed.wait_for("cleaned")
    shown = installed.tshark("-r", str(file), "-T", "fields", "-e", "frame.len").stdout
    assert shown == "60\n"


def test_tshark_without_settings_gives_the_defaults(installed, tmp_path):
    """Selector defaults are not passed, booleans' are: both end as the table says."""
    installed.tshark("-i", "eni-0b", "-a", "packets:1", "-w", str(tmp_path / "out.pcapng"), VPCSHARK_NAMES="no")
    options = installed.wait_for("capture")["options"]
    assert (options["host"], options["mode"], options["dns"], options["names"]) == ("auto", "auto", True, False)
    assert (options["vni"], options["ssh_port"], options["log_level"]) == (None, 22, "info")


def test_tshark_ends_by_its_duration_while_nothing_flows(installed, tmp_path):
    """dumpcap closes the FIFO, and the extcap is gone within seconds."""
    with pace() as now:
        begin = time.monotonic()
        done = installed.tshark("-i", "eni-0a", "-a", "duration:1", "-w", str(tmp_path / "out.pcapng"))
        seconds = time.monotonic() - begin
    assert done.returncode == 0, done.stderr
    assert seconds < now.allows(20)
    assert "cleaned" in installed.wait_for("cleaned")


def test_a_first_tshark_waits_for_aws_longer_than_a_list_does(wireshark, tmp_path):
    """No answers are prepared, and AWS takes longer than the two seconds that a list is waited for."""
    wireshark.install()
    file = tmp_path / "out.pcapng"
    done = wireshark.tshark("-i", "eni-0a", "-a", "packets:1", "-w", str(file), FAKE_DELAY="4")
    assert done.returncode == 0, done.stderr
    assert wireshark.tshark("-r", str(file), "-T", "fields", "-e", "frame.len").stdout == "60\n"


def test_a_capture_that_was_stopped_before_it_had_started_says_so_to_tshark_alone(wireshark, fifo, reader):
    """Status 0, since nothing failed; at a window the toolbar's log has it."""
    process = wireshark.start(*CAPTURE, str(fifo), FAKE_CAPTURE="early")
    _, said = process.communicate(timeout=180)
    assert process.returncode == 0
    assert said.startswith("The capture was stopped before it had started.\nGive it longer")


def test_tshark_shows_the_error_and_does_not_hang(installed):
    """FIFO opened first, then stderr, then status 1."""
    done = installed.tshark("-i", "eni-0a", "-o", "extcap.eni_0a.vni:99999999")
    assert by_extcap(done.stderr).startswith('--vni: "99999999" is not a whole number from 0 to 16777215.\n')
    assert "Traceback" not in done.stderr


def test_tshark_refuses_a_bad_filter_with_libpcaps_words(installed):
    """tshark does not ask beforehand."""
    done = installed.tshark("-i", "eni-0a", "-f", "tcp prot 80")
    assert 'The capture filter "tcp prot 80" is not valid: ' in done.stderr
