"""The path of a connection as sources: what a walk finds becomes a plain selection, with a filter and its gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection, of_words
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.context import Absent, Context
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.modes.path import PathFeed, Walked
from vpcshark.errors import InputError
from vpcshark.settings import PathEnds

SHOP = PathEnds("web-1", "db-1", "5432")
GONE = Absent("eni-tgw", "an interface of AWS's own.")
FOUND = Walked(("eni-b", "eni-a"), "tcp and port 5432", (GONE,), "reachable")


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, text: str) -> None:
        self.said.append(text)


class Inner:
    """A feed that keeps the context that it was made with."""

    context: Context

    def begin(self, context: Context) -> Any:
        self.context = context
        return self

    def up(self, jobs: Jobs) -> str:
        return "up"


@pytest.fixture
def up(clock):
    """Brings a path capture up; gives the context of the feed beneath it, and what was said."""

    def brought(selection: Selection, *walks: Walked, capture_filter: str = "") -> tuple[Context, list[str]]:
        status, stop, inner = Heard(), Stop(), Inner()
        options = replace(CaptureOptions(), user_filter=capture_filter)
        context = Context(selection, options, None, status, stop, clock, Timeline(clock), None)  # type: ignore[arg-type]
        answers = dict(zip(selection.paths, walks, strict=True))

        def make(context: Context) -> Feed:
            feed: Feed = inner.begin(context)
            return feed

        def nobody() -> Any:
            raise AssertionError

        def unlogged(context: Context, absent: Absent) -> Any:
            raise InputError("It has no flow log.")

        assert PathFeed(context, answers.__getitem__, make, nobody, unlogged).up(Jobs(stop)) == "up"
        return inner.context, status.said

    return brought


def test_its_points_are_the_sources_in_the_order_of_the_path(up):
    context, said = up(Selection(paths=(SHOP,)), FOUND)
    assert (context.selection.points, str(context.selection)) == (("eni-b", "eni-a"), "path:web-1->db-1:5432")
    assert context.options.user_filter == "tcp and port 5432"
    assert context.absent == (GONE,)
    assert said == [
        "web-1->db-1:5432 is reachable by the rules; captured at eni-b, eni-a.",
        "eni-tgw is not captured: an interface of AWS's own. Nor has it records: It has no flow log.",
    ]


def test_the_users_own_filter_is_the_users(up):
    assert up(Selection(paths=(SHOP,)), FOUND, capture_filter="icmp")[0].options.user_filter == "icmp"


def test_one_point_alone_may_be_captured_in_any_mode(up):
    """As an ENI that is named: a mirror, or tcpdump where that cannot be."""
    assert up(Selection(paths=(SHOP,)), replace(FOUND, points=("eni-a",)))[0].selection.single == "eni-a"


def test_several_paths_are_one_capture_with_every_point_once(up):
    other = Walked(("eni-a", "eni-c"), "udp and port 53", (GONE,), "blocked")
    context, _ = up(Selection(paths=(SHOP, PathEnds("web-1", "dns", "53", "udp"))), FOUND, other)
    assert context.selection.points == ("eni-b", "eni-a", "eni-c")
    assert context.options.user_filter == "(tcp and port 5432) or (udp and port 53)"
    assert context.absent == (GONE,)


def test_beside_other_sources_the_filter_would_hide_theirs(up):
    context, _ = up(Selection(enis=("eni-x",), paths=(SHOP,)), FOUND)
    assert (context.selection.enis, context.options.user_filter) == (("eni-x",), "")


def test_a_path_on_no_instance_is_an_error_that_names_what_else_there_is(up):
    with pytest.raises(InputError, match="No interface on path:web-1->db-1:5432 is on an instance"):
        up(Selection(paths=(SHOP,)), replace(FOUND, points=()))


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("path:web-1->db-1:5432", SHOP),
        ("path:a->b", PathEnds("a", "b")),
        ("path:10.0.0.1->[2001:db8::1]:53/udp", PathEnds("10.0.0.1", "[2001:db8::1]", "53", "udp")),
        ("path:a->lb:front:443", PathEnds("a", "lb:front", "443")),
        ("path:a->internet/icmp", PathEnds("a", "internet", "", "icmp")),
    ],
)
def test_a_path_on_the_command_line(word: str, path: PathEnds):
    assert of_words([word]).paths == (path,)
    assert str(of_words([word])) == word


@pytest.mark.parametrize("word", ["path:", "path:a", "path:->b", "path:a->"])
def test_a_path_has_two_ends(word: str):
    with pytest.raises(InputError, match=r"is not path:SRC->DST:PORT"):
        of_words([word])
