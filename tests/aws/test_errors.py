"""Every exception of boto3 becomes a sentence; nothing else is touched."""

from __future__ import annotations

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from vpcshark.aws import errors
from vpcshark.aws.errors import denied_action, denied_resource, is_answer, is_throttle, mapped, raw_answer, translate
from vpcshark.aws.iam.dry_run import time_of
from vpcshark.errors import AwsError

ENCODED = (
    "You are not authorized to perform this operation. User: arn:aws:iam::1:user/a is not authorized to perform: "
    "ec2:CreateTags on resource: arn:aws:ec2:*:*:x. Encoded authorization failure message: " + "x" * 900
)


# All that is asked of an AwsError; the other two are asked of botocore's own exceptions.
ASKED = [
    value
    for name, value in vars(errors).items()
    if name.startswith("is_") and name not in ("is_unconnected", "is_silence")
]


def refusal(code: str, message: str = "Because.", operation: str = "CreateTrafficMirrorSession") -> AwsError:
    """What an answer with this code becomes."""
    error = translate(
        ClientError({"Error": {"Code": code, "Message": message}}, operation), "create a mirror session", "ec2", "work"
    )
    assert error is not None
    return error


def botocore_errors() -> list[type[BaseException]]:
    """Every exception class of botocore that its own code may raise."""
    classes = [value for value in vars(botocore.exceptions).values() if isinstance(value, type)]
    return [cls for cls in classes if issubclass(cls, (botocore.exceptions.BotoCoreError, ClientError))]


@pytest.mark.parametrize("cls", botocore_errors(), ids=lambda cls: cls.__name__)
def test_every_exception_of_botocore_becomes_sentences(cls: type[BaseException]) -> None:
    """No class is forgotten, also the ones that a newer botocore brings."""
    exc = cls.__new__(cls)
    Exception.__init__(exc, "some {text} of botocore")
    if issubclass(cls, ClientError):
        exc.response, exc.operation_name = {"Error": {"Code": "X", "Message": "m"}}, "Op"  # type: ignore[attr-defined]
    error = translate(exc, "look around", "ec2", "work")
    assert isinstance(error, AwsError)
    assert error.problem.endswith((".", ")"))
    assert str(error)[0].isupper()


def broken_connections() -> list[type[BaseException]]:
    """What botocore raises where an answer did not come, or not whole."""
    return [cls for cls in botocore_errors() if issubclass(cls, botocore.exceptions.HTTPClientError)]


@pytest.mark.parametrize("cls", broken_connections(), ids=lambda cls: cls.__name__)
def test_whatever_is_asked_of_an_error_has_an_answer_where_aws_gave_none(cls: type[BaseException]) -> None:
    """As botocore makes them, with a response that is None: a create under way is then neither refused nor unsent."""
    with pytest.raises(AwsError) as caught, mapped("create a mirror filter"):
        raise cls(endpoint_url="https://ec2.eu-west-1.amazonaws.com", proxy_url="http://proxy", error="no answer")
    error = caught.value
    said = {ask.__name__ for ask in ASKED if ask(error)}
    assert said <= {"is_unreachable"}
    assert (denied_action(error), denied_resource(error), dict(raw_answer(error)), time_of(error)) == ("", "", {}, 0.0)


@pytest.mark.parametrize("exc", [ValueError("x"), KeyError("x"), OSError("x"), AwsError("x")])
def test_other_exceptions_pass(exc: Exception) -> None:
    """A fault of our own is not AWS's."""
    with pytest.raises(type(exc)) as caught, mapped("look around"):
        raise exc
    assert caught.value is exc


def test_the_cause_is_kept_for_the_log() -> None:
    """The developer sees what botocore said."""
    cause = ClientError({"Error": {"Code": "X", "Message": "m"}}, "Op")
    with pytest.raises(AwsError) as caught, mapped("look around"):
        raise cause
    assert caught.value.__cause__ is cause


def test_a_missing_permission_names_the_action() -> None:
    """The action that AWS names, which may be another one than the call's, and none of the encoded text."""
    assert refusal("UnauthorizedOperation").remedy == "Ask for the IAM permission ec2:CreateTrafficMirrorSession."
    error = refusal("UnauthorizedOperation", ENCODED)
    assert error.remedy == "Ask for the IAM permission ec2:CreateTags on arn:aws:ec2:*:*:x."
    assert "xxx" not in str(error)


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("TrafficMirrorSessionsPerInterfaceLimitExceeded", "three mirror sessions"),
        ("TrafficMirrorSourcesPerTargetLimitExceeded", "as many sources"),
        ("TrafficMirrorFilterRuleLimitExceeded", "ten rules"),
        ("TrafficMirrorFilterLimitExceeded", "as many mirror filters"),
        ("TrafficMirrorSessionLimitExceeded", "as many mirror sessions"),
        ("TrafficMirrorTargetLimitExceeded", "as many mirror targets"),
    ],
)
def test_a_full_quota_says_which_and_what_to_do(code: str, part: str) -> None:
    """Quotas of Traffic Mirroring can't be raised, so room must be made."""
    error = refusal(code)
    assert part in error.problem
    assert error.remedy
    assert error.code == code


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "Throttling", "ThrottlingException"])
def test_too_many_requests_are_told(code: str) -> None:
    """And known as such."""
    assert "too many requests" in refusal(code).problem
    assert is_throttle(refusal(code))


def test_an_unknown_code_keeps_aws_own_words() -> None:
    """On one line, with the code, cut where it would not end."""
    assert refusal("Strange", "It is\nso").problem == "AWS refused to create a mirror session: It is so. (Strange)"
    assert len(refusal("Strange", "word " * 500).problem) < 400


def test_braces_in_aws_words_do_no_harm() -> None:
    """AWS's text is data."""
    assert "{x}" in refusal("Strange", "{x} {0}").problem


def test_an_answer_is_told_from_silence() -> None:
    """Where no answer came, a create may have been done or not."""
    silence = translate(botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), "create a mirror target")
    assert silence is not None
    assert not is_answer(silence)
    assert is_answer(refusal("Strange"))
