"""Nothing is made that is not written down before, and what ended without an answer is not forgotten."""

from __future__ import annotations

import threading

import pytest

from vpcshark import threads
from vpcshark.capture.contract.stop import Stopped
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tags
from vpcshark.errors import AwsError, InputError, Mistake, VpcsharkError


@pytest.fixture
def book(tmp_path):
    """A ledger."""
    ledger = ledgers.Ledger(tmp_path / "c-1.ledger", {"owner": "me@here"})
    yield ledger
    ledger.leave_open()


@pytest.fixture
def maker(book, clock):
    """A maker with that ledger."""
    return Maker(book, tags.Lease("c-1", "me@here", 5.0), Timeline(clock))


def test_the_ledger_has_it_before_the_call(maker, book):
    """While the call runs, its token stands open; afterwards the resource."""
    seen = []

    def create(labels, token):
        seen.append((labels["vpcshark:capture"], dict(ledgers.read(book.path).unanswered) == {token: "filter"}))
        assert maker.is_doubtful
        return "tmf-1"

    assert maker.make("filter", create) == "tmf-1"
    assert seen == [("c-1", True)]
    assert ledgers.read(book.path).made == {"tmf-1": "filter"}
    assert not maker.is_doubtful


def test_without_a_janitor_nothing_is_made(book, clock):
    """It may have died since it was started; the ledger has no line of a create that was not sent."""

    def check():
        raise VpcsharkError("The janitor has ended.")

    maker = Maker(book, tags.Lease("c-1", "me@here", 5.0), Timeline(clock), check)
    with pytest.raises(VpcsharkError, match="janitor has ended"):
        maker.make("filter", lambda labels, token: "tmf-1")
    assert not maker.is_doubtful
    assert ledgers.read(book.path).unanswered == {}


def failing(code: str, repeated: int = 0):
    """A create that AWS answers with ``code``, after so many repetitions."""

    def create(labels, token):
        try:
            cause = Exception()
            cause.response = {"ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": repeated}}
            raise cause
        except Exception as error:
            raise AwsError("No.", code=code) from error

    return create


@pytest.mark.parametrize(
    ("code", "repeated", "doubtful"),
    [
        ("UnauthorizedOperation", 0, False),
        ("UnauthorizedOperation", 1, True),  # the first answer was lost: it may have been made
        ("", 0, True),
        ("RequestLimitExceeded", 0, True),
        ("InternalError", 0, True),
    ],
)
def test_only_a_clear_refusal_settles_it(maker, book, code, repeated, doubtful):
    """Everything else may have made something."""
    with pytest.raises(AwsError):
        maker.make("filter", failing(code, repeated))
    assert maker.is_doubtful is doubtful
    assert bool(ledgers.read(book.path).unanswered) is doubtful


@pytest.mark.parametrize(("code", "doubtful"), [("InvalidParameterValue", False), ("InternalError", True), ("", True)])
@pytest.mark.parametrize("plainer", [Mistake, AwsError, InputError])
def test_a_plainer_sentence_hides_no_answer_of_aws(maker, book, plainer, code, doubtful):
    """As where the user named a role that is none: what AWS answered says whether something was made."""

    def create(labels, token):
        try:
            failing(code)(labels, token)
        except AwsError as error:
            raise plainer("It is another role that you want.") from error

    with pytest.raises(plainer):
        maker.make("instance", create)
    assert maker.is_doubtful is doubtful
    assert bool(ledgers.read(book.path).unanswered) is doubtful


def unsent(labels, token):
    """A create that never left: nobody listens where AWS should be."""
    try:
        cause = Exception()
        cause.was_never_sent = True
        raise cause
    except Exception as error:
        raise AwsError("AWS cannot be reached.") from error


def test_what_was_never_sent_has_made_nothing(maker, book):
    """No ledger and no janitor need stay for it."""
    with pytest.raises(AwsError):
        maker.make("filter", unsent)
    assert not maker.is_doubtful
    assert not ledgers.read(book.path).unanswered


def test_it_waits_for_what_is_under_way_and_for_no_answer_that_was_lost(maker):
    """A create that ended without an answer is doubtful for ever, but over."""
    with pytest.raises(AwsError):
        maker.make("filter", failing(""))
    assert maker.settle(0)
    begun, gate = threading.Event(), threading.Event()

    def create(labels, token):
        begun.set()
        return gate.wait(180) and "tmt-1"

    making = threads.start(maker.make, "target", create)
    assert begun.wait(180)
    assert not maker.settle(0.05)
    gate.set()
    assert maker.settle(5)
    assert making.result(180) == "tmt-1"


def test_nothing_is_made_after_the_end(maker):
    """A create that starts after clean-up began would be found by nobody."""
    maker.close()
    with pytest.raises(Stopped):
        maker.make("filter", lambda labels, token: pytest.fail("it was made"))


def test_without_a_ledger_nothing_is_made(maker, book):
    """A line that can't be written stops the call."""
    book.leave_open()  # as a full disk does
    with pytest.raises(VpcsharkError, match="was not created"):
        maker.make("filter", lambda labels, token: pytest.fail("it was made"))
    assert not maker.is_doubtful
