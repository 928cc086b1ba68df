"""Mode "auto" with feeds that do nothing: when the second way is taken, what the log says, what the user reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import pytest

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle import feed as feeds
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.modes.auto import AutoFeed
from vpcshark.errors import AwsError, Hopeless, InputError, Mistake, Refused, TransportError, VpcsharkError

NO_HOST = InputError("No running instance is tagged vpcshark:capture-host.", "Tag one.")
REFUSED = AwsError("AWS does not mirror t2.micro.", "Choose another.", code="InvalidParameterValue")
UNREACHED = TransportError("10.0.0.9 did not answer to SSH within 3 seconds.", "Check its security group.")
NO_SUDO = TransportError("web-1: the user guest may not capture there, and there is no sudo.", "Allow it.")


@dataclass
class Feed(feeds.Feed):
    """Comes up, or fails."""

    name: str
    failure: VpcsharkError | None = None
    writes: bytes = b""
    calls: list[str] = field(default_factory=list)

    def begin(self, context: Context, is_described: bool) -> Feed:
        self.context, self.is_described = context, is_described
        return self

    def up(self, jobs: Jobs) -> str:
        self.calls.append("up")
        if self.writes:
            self.context.sink.write(self.writes)
        if self.failure is not None:
            raise self.failure
        return self.name

    def account(self) -> None:
        """Nothing is made."""

    def close(self) -> None:
        self.calls.append("close")


class Sink:
    """Takes everything."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class Heard(Silent):
    """What a toolbar would show."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def auto(clock):
    """Runs ``up`` with these two feeds; gives what came, and keeps what was said."""

    def auto(mirror: Feed, tcpdump: Feed, flowlogs: Feed | None = None):
        auto.status = Heard()
        stop, timeline = Stop(), Timeline(clock)
        context = Context("eni-1", CaptureOptions(), Sink(), auto.status, stop, clock, timeline, None)
        records = partial((flowlogs or Feed("flow logs")).begin, is_described=False)
        return AutoFeed(context, mirror.begin, tcpdump.begin, records).up(Jobs(stop))

    return auto


def test_a_mirror_that_comes_up_is_all(auto):
    """tcpdump is not even made."""
    second = Feed("tcpdump")
    assert auto(Feed("mirror"), second) == "mirror"
    assert second.calls == []


@pytest.mark.parametrize("why", [NO_HOST, REFUSED, UNREACHED, Refused("web-9 does not let me in.", "Check the user.")])
def test_else_tcpdump_and_the_reason_is_in_the_log_and_on_the_toolbar(auto, why, caplog):
    """Whatever kept the mirror from being made."""
    caplog.set_level("INFO")
    assert auto(Feed("mirror", why), Feed("tcpdump")) == "tcpdump"
    assert f"No mirror, so tcpdump on the instance: {why}" in caplog.text
    assert auto.status.said == [f"No mirror, so tcpdump on the instance: {why.problem}"]


@pytest.mark.parametrize("writes", [b"", b"interface"])
def test_an_interface_is_described_once(auto, writes):
    """The mirror may have done it before it failed."""
    second = Feed("tcpdump")
    auto(Feed("mirror", UNREACHED, writes), second)
    assert second.is_described is bool(writes)


@pytest.mark.parametrize(
    "why",
    [
        AwsError("AWS could not be reached."),
        Hopeless("The SSH key /k cannot be read."),
        Mistake("A capture host cannot be of the type t4g.smal."),
        AwsError("AWS refused.", code="InvalidTrafficMirrorFilterId.NotFound"),
    ],
)
def test_what_the_user_must_mend_is_told_and_tcpdump_is_not_tried(auto, why):
    """Without AWS nobody knows the instance; without the key nobody gets in; a wrong option is wrong."""
    second = Feed("tcpdump")
    with pytest.raises(VpcsharkError) as caught:
        auto(Feed("mirror", why), second)
    assert caught.value is why
    assert second.calls == []


def test_machines_that_nobody_reaches_have_one_reason_and_the_log_both(auto, caplog):
    """Short: the first cause, and what to do about it."""
    caplog.set_level("INFO")
    other = TransportError("10.0.0.1 did not answer to SSH within 3 seconds.", "Check its security group.")
    with pytest.raises(VpcsharkError) as caught:
        auto(Feed("mirror", UNREACHED), Feed("tcpdump", other))
    assert caught.value.problem == f"{UNREACHED.problem} The instance itself can't be captured on either."
    assert caught.value.remedy == UNREACHED.remedy
    assert str(other) in caplog.text


def test_two_reasons_that_differ_are_both_told(auto):
    """Either of them is worth mending; what to do is about the second, which was the last to be tried."""
    with pytest.raises(VpcsharkError) as caught:
        auto(Feed("mirror", NO_HOST), Feed("tcpdump", NO_SUDO))
    assert str(caught.value) == f"No mirror: {NO_HOST.problem} No tcpdump: {NO_SUDO.problem} {NO_SUDO.remedy}"


ON_NONE = InputError("eni-1 belongs to a NAT gateway: tcpdump needs a running instance.", "Choose another interface.")


def test_where_no_instance_has_it_the_records_of_a_flow_log_are_taken(auto):
    assert auto(Feed("mirror", REFUSED), Feed("tcpdump", ON_NONE), Feed("flow log")) == "flow log"
    assert "the records of a flow log" in auto.status.said[-1]


def test_records_are_nothing_to_take_where_tcpdump_only_was_not_reached(auto):
    """Packets can be had there, once that is mended."""
    flowlogs = Feed("flow log")
    with pytest.raises(VpcsharkError):
        auto(Feed("mirror", NO_HOST), Feed("tcpdump", NO_SUDO), flowlogs)
    assert flowlogs.calls == []


def test_without_a_flow_log_all_three_reasons_are_told(auto):
    none = InputError("No flow log covers eni-1.", "This would make one: aws ec2 create-flow-logs")
    with pytest.raises(VpcsharkError) as caught:
        auto(Feed("mirror", REFUSED), Feed("tcpdump", ON_NONE), Feed("flow log", none))
    assert str(caught.value).endswith(f"No tcpdump: {ON_NONE.problem} No flow log: {none.problem} {none.remedy}")


def test_records_are_not_mixed_into_a_described_mirror(auto):
    """Its interface block says Ethernet, and records are IP."""
    flowlogs = Feed("flow log")
    with pytest.raises(VpcsharkError):
        auto(Feed("mirror", REFUSED, writes=b"interface"), Feed("tcpdump", ON_NONE), flowlogs)
    assert flowlogs.calls == []
