"""boto3's many exceptions become ``AwsError`` here, once: whole sentences, without secrets or request bodies.

Exceptions are recognised by their class names, so that this module needs no import of botocore (0.2 s, and older
versions lack some of the classes). Must not know what the calls are for: the caller says it in words.
"""

from __future__ import annotations

import email.utils
import os
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from vpcshark.aws import refusals
from vpcshark.errors import AwsError, Unsigned, VpcsharkError

# EC2's documentation and its wire disagree about these codes (InvalidTrafficMirrorTargetNoFound is no slip of ours):
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html against what Terraform's provider handles.
_GONE = re.compile(
    r"^Invalid(TrafficMirror(Filter|FilterRule|Session|Target)|NetworkInsights(Path|Analysis))(Id)?\.?No(t)?Found$"
)
_IN_USE = re.compile(r"^TrafficMirror(Filter|FilterRule|Session|Target)InUse(Exception)?$|^DependencyViolation$")
_TARGET_ALREADY = {"InterfaceInUseByTrafficMirrorTarget", "NlbInUseByTrafficMirrorTargetException"}
_UNCONNECTED = {"EndpointConnectionError", "ConnectTimeoutError"}

PROFILE = "vpcshark:profile"  # in the ResponseMetadata of an answer: as whom the call was made, see ``client``

# Exceptions that mean: no answer came. {doing} is the caller's words, {profile} how to name the profile.
_LOGIN = "Run: aws sso login{option}"
_CONFIGURE = "Run: aws configure{option}, or aws sso login{option} if you sign in by SSO."
_NO_ANSWER: Mapping[str, tuple[str, str]] = {
    "ProfileNotFound": ("There is no AWS profile{named}.", "aws configure list-profiles shows which there are."),
    "NoCredentialsError": ("No AWS credentials were found{for_profile}.", _CONFIGURE),
    "PartialCredentialsError": ("The AWS credentials{for_profile} are incomplete: {what} is missing.", _CONFIGURE),
    "CredentialRetrievalError": ("The AWS credentials{for_profile} could not be obtained.", _CONFIGURE),
    "UnauthorizedSSOTokenError": ("The AWS SSO sign-in{for_profile} has expired.", _LOGIN),
    "TokenRetrievalError": ("The AWS SSO sign-in{for_profile} has expired.", _LOGIN),
    "SSOError": ("There is no valid AWS SSO sign-in{for_profile}.", _LOGIN),
    "LoginError": ("The AWS sign-in{for_profile} is not valid any more.", "Run: aws login{option}"),
    "ConfigParseError": ("The AWS configuration file {path} is malformed.", "Mend it, or move it away."),
    "NoRegionError": (
        "No AWS region is set.",
        "Set it for good with: aws configure set region REGION, or for one command with --region or AWS_REGION.",
    ),
    "InvalidRegionError": ("That is not the name of an AWS region.", "Regions look like eu-central-1."),
    "ConnectTimeoutError": (
        "AWS could not be reached in time to {doing}.",
        "Check the network, a proxy (HTTPS_PROXY) or a VPN on the way.",
    ),
    "ReadTimeoutError": ("AWS did not answer in time to {doing}.", "Try again."),
    "SSLError": (
        "The encrypted connection to AWS could not be set up to {doing}.",
        "Behind a proxy that opens TLS, set AWS_CA_BUNDLE to its certificate.",
    ),
    "ProxyConnectionError": ("The proxy did not answer, to {doing}.", "Check HTTPS_PROXY."),
    "ResponseParserError": ("AWS gave an answer that cannot be understood, to {doing}.", "Check AWS_ENDPOINT_URL."),
    "ParamValidationError": ("The request to {doing} does not fit AWS's interface: {text}", ""),
    "HTTPClientError": ("The connection to AWS broke, to {doing}: {text}", "Check the network and HTTPS_PROXY."),
    "BotoCoreError": ("AWS could not be asked to {doing}: {text}", ""),
}


@contextmanager
def mapped(doing: str, *, service: str = "ec2", profile: str = "") -> Iterator[None]:
    """Everything that boto3 raises inside becomes an AwsError.

    ``doing`` completes "You may not …": "list the network interfaces". ``service`` is the IAM prefix of the calls,
    ``profile`` the profile's name where the caller knows it.
    """
    try:
        yield
    except VpcsharkError as exc:
        _forget(exc)
        raise
    except Exception as exc:
        error = translate(exc, doing, service, profile) or _of_settings(exc, doing, profile)
        if error is None:
            raise
        _forget(exc)
        raise error from exc


def _forget(exc: BaseException | None) -> None:
    """Let go of what the frames behind an error hold: an answer of megabytes stays as long as its error, and of several
    calls at once all may fail. The traceback itself stays."""
    while exc is not None:
        traceback.clear_frames(exc.__traceback__)
        exc = exc.__cause__ or exc.__context__


def translate(exc: BaseException, doing: str, service: str = "ec2", profile: str = "") -> AwsError | None:
    """The AwsError for an exception of boto3 or botocore; None for anything else."""
    names = [cls.__name__ for cls in type(exc).__mro__ if cls.__module__.split(".")[0] in ("botocore", "boto3")]
    if "ClientError" in names:
        return _refusal(exc, doing, service, profile)
    if "EndpointConnectionError" in names:
        return _unreachable(exc, doing)
    for name in names:
        if name in _NO_ANSWER:
            problem, remedy = _NO_ANSWER[name]
            details = getattr(exc, "kwargs", {})
            words = {"doing": doing, "text": _sentence(str(exc)), **profile_words(profile)}
            words |= {"path": details.get("path", "~/.aws/config"), "what": details.get("cred_var", "a part")}
            return AwsError(problem.format(**words), remedy.format(**words))
    return None


def _of_settings(exc: Exception, doing: str, profile: str) -> AwsError | None:
    """For what boto3 lets through of other libraries and of Python, nearly always because a setting is malformed: a
    number that is none, an endpoint that is no URL, a file that is not there. None for what is not boto3's."""
    if not _came_out_of_boto(exc):
        return None
    whose = profile_words(profile)["for_profile"]
    text = (
        str(exc) if not isinstance(exc, OSError) else " ".join(filter(None, (exc.strerror, exc.filename))) or str(exc)
    )
    return AwsError(
        f"The AWS settings{whose} do not fit ({doing}): {_sentence(quoted(text) or type(exc).__name__)}",
        "See the AWS_… variables and ~/.aws/config.",
    )


def _came_out_of_boto(exc: Exception) -> bool:
    frame = exc.__traceback__
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__", "").partition(".")[0] in ("boto3", "botocore"):
            return True
        frame = frame.tb_next
    return False


def is_gone(error: AwsError) -> bool:
    """Does AWS say that the resource does not exist (any more, or not everywhere yet)?"""
    return bool(_GONE.match(error.code))


def is_target_gone(error: AwsError) -> bool:
    """Is it a mirror target that AWS says does not exist?"""
    return is_gone(error) and "MirrorTarget" in error.code


def is_in_use(error: AwsError) -> bool:
    """Does something still hold the resource? Deleting it again later can succeed."""
    return bool(_IN_USE.match(error.code))


def is_target_already(error: AwsError) -> bool:
    """Is what was to be a mirror target one already? It can be one only."""
    return error.code in _TARGET_ALREADY


def is_throttle(error: AwsError) -> bool:
    """Were there too many requests? The same one later can succeed."""
    return error.code in refusals.THROTTLES


def is_denied(error: AwsError) -> bool:
    """Is it the permission that is missing?"""
    return error.code in refusals.DENIALS


def denied_action(error: AwsError) -> str:
    """The IAM action that AWS's refusal names; "" in the short refusals of older times."""
    found = refusals.DENIED_ACTION.search(str(error.__cause__))
    return found.group(1) if found else ""


def denied_resource(error: AwsError) -> str:
    """The ARN that AWS's refusal names; "" where it names none."""
    found = refusals.DENIED_ON.search(str(error.__cause__))
    return found.group(1) if found else ""


def is_expired(error: AwsError) -> bool:
    """Are the credentials no good (any more)? The same call can succeed only after the user has signed in again."""
    return isinstance(error, Unsigned) or error.code in refusals.EXPIRED or error.code in refusals.BAD_KEYS


def is_refusal(error: AwsError) -> bool:
    """Did AWS say clearly that it did nothing? Throttling and server faults leave that open, and so does a refusal
    that botocore got for a repeated call: the answer that was lost before it may have been another."""
    metadata = raw_answer(error).get("ResponseMetadata", {})
    status, repeated = metadata.get("HTTPStatusCode", 400), metadata.get("RetryAttempts", 0)
    return (
        is_answer(error)
        and not is_throttle(error)
        and status < 500
        and not repeated
        and error.code not in refusals.FAULTS
    )


def is_unconnected(exc: BaseException) -> bool:
    """Does botocore's exception for one attempt prove that no byte of its request was sent? It does where no connection
    came about (DNS, refused, time-out of connect); broken connections and late answers leave that open, and so do
    proxies."""
    return any(cls.__name__ in _UNCONNECTED for cls in type(exc).__mro__)


def is_silence(exc: BaseException) -> bool:
    """Does botocore's exception for one attempt say that AWS took the request and did not answer in time?"""
    return any(cls.__name__ == "ReadTimeoutError" for cls in type(exc).__mro__)


def is_unsent(error: AwsError) -> bool:
    """Was no attempt of the call sent? Then it surely did nothing. ``client`` marks such exceptions."""
    return bool(getattr(error.__cause__, "was_never_sent", False))


def raw_answer(error: AwsError) -> Mapping[str, Any]:
    """AWS's refusal as botocore has it; empty where there is none. botocore's exceptions of broken connections and late
    answers have one too that is None."""
    return getattr(error.__cause__, "response", None) or {}


def is_answer(error: AwsError) -> bool:
    """Did AWS answer at all? If it did not, the call may have been done or not."""
    return bool(error.code)


def is_unreachable(error: AwsError) -> bool:
    """Was there no connection to AWS, after botocore's own repeats?"""
    kinds = {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"}
    return any(cls.__name__ in kinds for cls in type(error.__cause__).__mro__)


def _refusal(exc: Any, doing: str, service: str, profile: str) -> AwsError:
    """The sentence for an error code that AWS answered with."""
    code = str(exc.response.get("Error", {}).get("Code", ""))
    text = str(exc.response.get("Error", {}).get("Message", ""))
    action = f"{service}:{getattr(exc, 'operation_name', '')}"
    problem, remedy = refusals.told(code, text, action, _skew(exc.response))
    profile = profile or exc.response.get("ResponseMetadata", {}).get(PROFILE, "")
    words = {"doing": doing, "text": _sentence(text), "code": code, **profile_words(profile)}
    return AwsError(problem.format(**words), remedy.format(**words), code=code)


def _skew(answer: Mapping[str, Any]) -> float | None:
    """How far this machine's clock is ahead of AWS's, by the answer's header Date (RFC 9110, 6.6.1)."""
    try:
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return time.time() - email.utils.parsedate_to_datetime(date).timestamp()
    except (KeyError, ValueError, TypeError):
        return None


def _unreachable(exc: Any, doing: str) -> AwsError:
    url = str(getattr(exc, "kwargs", {}).get("endpoint_url", ""))
    lab_url = os.environ.get("AWS_ENDPOINT_URL", "")
    if lab_url and url.startswith(lab_url) and (gone := of_gone_lab(os.environ)):
        return gone
    problem = f"AWS cannot be reached at {url} to {doing}." if url else f"AWS cannot be reached to {doing}."
    return AwsError(problem, "Check the region's name, AWS_ENDPOINT_URL and the network.")


def of_gone_lab(environ: Mapping[str, str]) -> AwsError | None:
    """Where the shell still has what a lab (``vpcshark lab start``) set, and that one was stopped: its folder is gone.
    None elsewhere."""
    folder = environ.get("VPCSHARK_LAB", "")
    if not folder or os.path.isdir(folder):
        return None
    left = [name for name, value in environ.items() if name.startswith("AWS_") or (folder in value and name != "PATH")]
    return AwsError(
        f"The lab {os.path.basename(folder)}, to which this shell's environment leads, is not running any more.",
        f"Open a new shell, or: unset {' '.join(sorted(left))}",
    )


def profile_words(profile: str) -> dict[str, str]:
    """How to speak of the profile, where one is known: ``named``, ``for_profile``, ``option``."""
    if not profile:
        return {"named": " of that name", "for_profile": "", "option": ""}
    return {
        "named": f' "{profile}"',
        "for_profile": f' for the profile "{profile}"',
        "option": f" --profile {profile}",
    }


def quoted(text: str, longest: int = 200) -> str:
    """Somebody else's words for a sentence of ours: the last line that says something, without what moves a cursor, and
    not endless."""
    lines = [line for line in text.splitlines() if line.strip()] or [""]
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in lines[-1]).split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def _sentence(text: str) -> str:
    """AWS's own words on one line, with a full stop, and not endless (encoded authorization messages are)."""
    line = " ".join(text.split())
    line = line if len(line) <= 300 else line[:299] + "…"
    return line if line.endswith((".", "…", "!", "?")) else line + "."
