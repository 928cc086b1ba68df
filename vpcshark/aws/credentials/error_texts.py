"""Whatever a provider of AWS credentials raises becomes one sentence: whose profile, which file or program, why, and
the program's own last words.

Providers raise what happens to them: OSError, ValueError, JSON and Unicode errors, KeyError, TypeError. Never quotes
what may hold a secret (a program's stdout, a file's content). Must not know how credentials are got.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vpcshark.aws.credentials.credential_process import HelperFailed, Helpers
from vpcshark.aws.errors import profile_words, quoted, translate
from vpcshark.errors import AwsError, Unsigned

HELPER, ROLE, WEB, SSO, CONTAINER, LOGIN, METADATA = (
    "custom-process",
    "assume-role",
    "assume-role-with-web-identity",
    "sso",
    "container-role",
    "login",
    "iam-role",
)


class NobodyToAsk(Exception):
    """A question for a person where there is none."""


@dataclass(frozen=True)
class Source:
    """Where credentials were to come from: a provider of botocore's by its ``method``, for a profile with its
    ``settings``, which lie in ``file``."""

    profile: str = ""
    method: str = ""
    file: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    program: str = ""
    said: str = ""

    @classmethod
    def of(cls, session: Any, profile: str, method: str, helpers: Helpers) -> Source:
        """As ``session`` (botocore's) is set up."""
        try:
            name = profile or session.get_config_variable("profile") or "default"
            settings = session.full_config.get("profiles", {}).get(name, {})
        except Exception:  # noqa: BLE001 - the settings themselves may be what is wrong
            settings = {}
        file = str(session.get_config_variable("config_file") or "~/.aws/config")
        return cls(profile, method, file, settings, helpers.program, helpers.said)


def explained(exc: Exception, source: Source) -> AwsError:
    """The sentence for ``exc``."""
    if isinstance(exc, AwsError):
        return exc
    problem, remedy = _words(exc, source)
    return Unsigned(problem, remedy)


def _words(exc: Exception, source: Source) -> tuple[str, str]:
    whose = profile_words(source.profile)
    if isinstance(exc, NobodyToAsk):
        return _unasked(source)
    if type(exc).__name__ == "RefreshWithMFAUnsupportedError":
        return f"The role's credentials{whose['for_profile']} end, and new ones need an MFA code.", _in_a_terminal(
            source
        )
    if type(exc).__name__ == "MissingDependencyException":
        return f"The sign-in by aws login{whose['for_profile']} needs one more Python package.", crt(sys.prefix)
    if source.program and not _is_aws_answer(exc):
        return _of_helper(exc, source)
    if source.method == SSO and isinstance(exc, KeyError):
        return f"The AWS SSO sign-in{whose['for_profile']} is cut (its file in ~/.aws/sso/cache).", _way(source)[1]
    if (known := translate(exc, _doing(source), "sts", source.profile)) is not None and not _is_vague(exc):
        return known.problem, known.remedy
    reason = _reason(exc, source)
    way, remedy = _way(source)
    return f"The AWS credentials{whose['for_profile']} could not be obtained{way}: {reason}.", remedy


def _unasked(source: Source) -> tuple[str, str]:
    whose = profile_words(source.profile)
    return f"AWS wants an MFA code{whose['for_profile']}, and nobody can be asked for it here.", _in_a_terminal(source)


def _in_a_terminal(source: Source) -> str:
    option = profile_words(source.profile)["option"]
    return f"Run once in a terminal: vpcshark interfaces{option} (it asks, and shares the sign-in with the AWS CLI)."


def crt(prefix: str) -> str:
    """How botocore's package for ``aws login`` comes into this environment, which pip, pipx or uv made."""
    place = prefix.replace("\\", "/")
    if "/pipx/" in place:
        return 'Run: pipx inject vpcshark "botocore[crt]"'
    if "/uv/tools/" in place:
        return 'Run: uv tool install --with "botocore[crt]" vpcshark'
    return f'Run: {sys.executable} -m pip install "botocore[crt]"'


def _of_helper(exc: Exception, source: Source) -> tuple[str, str]:
    """A ``credential_process``, of the profile itself or of the one that its role is assumed from."""
    whose = profile_words(source.profile)["for_profile"]
    subject = f"The program {quoted(source.program)} (credential_process{whose} in {source.file})"
    said = f' It said: "{quoted(source.said)}".' if source.said.strip() else ""
    return f"{subject} {_of_program(exc)}.{said}", "Run it in a terminal, and see what it says."


def _of_program(exc: Exception) -> str:
    """Its stdout is never quoted: it may be a secret."""
    kind = type(exc).__name__
    if isinstance(exc, HelperFailed):
        return str(exc)
    if kind == "CredentialRetrievalError":
        text = str(exc).rpartition("custom-process: ")[2]
        is_ours = text.startswith(
            ("Unsupported version", "Missing required key")
        )  # botocore's words, not the program's
        return f"printed something else than credentials ({quoted(text)})" if is_ours else "failed"
    if isinstance(exc, UnicodeDecodeError):
        return "printed something that is no text"
    if isinstance(exc, RuntimeError):
        return "gave credentials that have expired already"
    if kind == "ParserError" or "date" in str(exc).lower():
        return "gave an Expiration that is no time"
    return "printed something else than the JSON that AWS wants"


def _is_aws_answer(exc: Exception) -> bool:
    return hasattr(exc, "response") or type(exc).__name__ in ("EndpointConnectionError", "ConnectTimeoutError")


def _is_vague(exc: Exception) -> bool:
    """botocore's own sentence says more than ours of the class."""
    kinds = ("CredentialRetrievalError", "InvalidConfigError", "MetadataRetrievalError", "InfiniteLoopConfigError")
    return type(exc).__name__ in (*kinds, "InvalidIMDSEndpointModeError", "InvalidIMDSEndpointError")


def _doing(source: Source) -> str:
    if source.method == SSO:
        return "get the role's credentials by SSO"
    role = source.settings.get("role_arn") or os.environ.get("AWS_ROLE_ARN", "")
    return f"assume the role {role}" if role else "get the credentials"


def _way(source: Source) -> tuple[str, str]:
    """(the way that failed, what to do), by the provider."""
    option = profile_words(source.profile)["option"]
    ways = {
        HELPER: (" by credential_process", f"Mend that line in {source.file}."),
        WEB: (f" by the web identity token in {_token_file(source)}", "Is it mounted, and is that its place?"),
        CONTAINER: (" from the container's endpoint", "Check the AWS_CONTAINER_… variables."),
        SSO: (" by SSO", f"Run: aws sso login{option}, or aws configure sso{option} if that does not help."),
        LOGIN: (" by aws login", f"Run: aws login{option}"),
        METADATA: (" from the instance's metadata", "Check the AWS_EC2_METADATA_… and AWS_METADATA_… variables."),
        ROLE: (f" for the role {source.settings.get('role_arn', '')}", f"See {source.file}."),
    }
    return ways.get(source.method, ("", f"See {source.file} and the AWS_… variables."))


def _token_file(source: Source) -> str:
    return source.settings.get("web_identity_token_file") or os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE", "a file")


def _reason(exc: Exception, source: Source) -> str:
    """What happened, as far as it can be told without the content of a file."""
    if isinstance(exc, HelperFailed):
        return f"the program {exc}"
    if isinstance(exc, OSError) and exc.strerror:
        return ": ".join(filter(None, (str(exc.filename or ""), exc.strerror)))
    if isinstance(exc, UnicodeError):
        return "there is something in it that is no text"
    if isinstance(exc, (KeyError, AttributeError, TypeError)):
        return f"something is missing in it or is of another kind ({type(exc).__name__})"
    if type(exc).__name__ == "JSONDecodeError":
        return "it is cut or no JSON"
    return _named_setting(quoted(_bare(str(exc))), source).rstrip(".") or type(exc).__name__


def _bare(text: str) -> str:
    """Without what botocore says again and again before the reason."""
    return re.sub(
        r"^(Error when retrieving credentials from [\w-]+: |Error retrieving metadata: |Received error when "
        r"attempting to retrieve container metadata: )+",
        "",
        text,
    )


def _named_setting(text: str, source: Source) -> str:
    """``int("abc")`` does not say whose value that is."""
    found = re.fullmatch(
        r"(?:invalid literal for int\(\) with base 10|could not convert string to float): '(.*)'", text
    )
    if not found:
        return text
    settings = {**{name: value for name, value in os.environ.items() if name.startswith("AWS_")}, **source.settings}
    names = [name for name, value in settings.items() if value == found[1]]
    return f"{' or '.join(names) or 'a setting'} is no number ({found[1]})"
