"""A user's AWS configuration in a folder of its own, and the ways in which it breaks: files alone, so that a running
process meets them, and the moment at which they are mended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROFILE = "work"
ROLE = "arn:aws:iam::123456789012:role/capture"
SECRET = "wJalrXUtnFEMI/bPxRfiCYEXAMPLEKEY"
START = "https://example.invalid/start"
TOKEN_FILE = hashlib.sha1(START.encode()).hexdigest() + ".json"
SSO = f"sso_start_url = {START}\nsso_region = eu-central-1\nsso_account_id = 123456789012\nsso_role_name = r\n"


@dataclass(frozen=True)
class Home:
    """A home folder with AWS's files in it."""

    folder: Path
    key: str = "AKIAIOSFODNN7EXAMPLE"

    @property
    def helper(self) -> Path:
        """The program of ``credential_process``."""
        return self.folder / "helper"

    @property
    def config(self) -> Path:
        """~/.aws/config."""
        return self.folder / ".aws" / "config"

    @property
    def environment(self) -> dict[str, str]:
        """For a process of this user's; what else it has of AWS must be taken away."""
        return {
            "HOME": str(self.folder),
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / ".aws" / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PROFILE": PROFILE,
        }

    def has(self, settings: str, others: str = "") -> None:
        """The profile has these settings; ``others``: more sections."""
        self.config.unlink(missing_ok=True) if not self.config.is_dir() else self.config.rmdir()
        (self.config.parent / "credentials").unlink(missing_ok=True)
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(f"[profile {PROFILE}]\nregion = us-east-1\n{settings}{others}")

    def is_well(self) -> None:
        """Keys in the file."""
        self.has(f"aws_access_key_id = {self.key}\naws_secret_access_key = {SECRET}\n")

    def helps_well(self, more: str = "") -> None:
        """Keys that a program gives."""
        said = {"Version": 1, "AccessKeyId": self.key, "SecretAccessKey": SECRET}
        self.has_helper(f"#!/bin/sh\n{more}\ncat <<'EOF'\n{json.dumps(said)}\nEOF\n")

    def has_helper(self, program: str | bytes, mode: int = 0o755) -> None:
        """Whole at once: somebody may be about to start it."""
        new = self.folder / "helper.new"
        new.write_bytes(program if isinstance(program, bytes) else program.encode())
        new.chmod(mode)
        new.replace(self.helper)
        self.has(f"credential_process = {self.helper} --account 1\n")


@dataclass(frozen=True)
class Kind:
    """One way to break it; what the sentence must have in it."""

    name: str
    breaks: Callable[[Home], None]
    parts: tuple[str, ...]


KINDS: list[Kind] = []


def kind(*parts: str) -> Callable[[Callable[[Home], None]], Callable[[Home], None]]:
    """Put the function into the table, under its docstring; every sentence names the profile."""

    def enter(breaks: Callable[[Home], None]) -> Callable[[Home], None]:
        KINDS.append(Kind(str(breaks.__doc__), breaks, (f'"{PROFILE}"', *parts)))
        return breaks

    return enter


def helper(name: str, program: str | bytes, *parts: str, mode: int = 0o755) -> None:
    """A ``credential_process`` that is such a program."""
    KINDS.append(
        Kind(
            f"helper {name}", lambda home: home.has_helper(program, mode), (f'"{PROFILE}"', "/helper", "config", *parts)
        )
    )


def settings(name: str, text: str, *parts: str, others: str = "") -> None:
    """A profile with these settings; {folder} is the home folder."""

    def breaks(home: Home) -> None:
        home.has(text.format(folder=home.folder), others)

    KINDS.append(Kind(name, breaks, (f'"{PROFILE}"', *parts)))


def expiring(when: str) -> str:
    """A program whose credentials have this Expiration, as JSON text."""
    said = f'"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "{SECRET}", "SessionToken": "t"'
    return f"#!/bin/sh\necho '{{{said}, \"Expiration\": {when}}}'\n"


helper("that may not be executed", "#!/bin/sh\n", "may not be executed", mode=0o644)
helper("that is no program", b"\x7fELF no such", "cannot be started (Exec format error)")
helper("that fails", "#!/bin/sh\necho usage >&2\necho the vault is sealed >&2\nexit 2\n", 'said: "the vault is sealed"')
helper("that fails in silence", "#!/bin/sh\nexit 1\n", " failed.")
helper("that fails in latin-1", b"#!/bin/sh\nprintf 'ferm\\351\\n' >&2\nexit 1\n", 'said: "ferm')
helper(
    "with a screen's worth of last words", "#!/bin/sh\nyes no | head -c 9000 | tr '\\n' ' ' >&2\nexit 1\n", "no no", "…"
)
helper("that prints rubbish", f"#!/bin/sh\necho {SECRET}\necho log in first >&2\n", "the JSON", 'said: "log in first"')
helper("that prints nothing", "#!/bin/sh\n", "the JSON")
helper("that prints no text", b"#!/bin/sh\nprintf '\\377\\376'\n", "no text")
helper("that prints a list", "#!/bin/sh\necho '[1]'\n", "the JSON")
helper("that prints null", "#!/bin/sh\necho null\n", "the JSON")
helper("of another version", "#!/bin/sh\necho '{\"Version\": 2}'\n", "Unsupported version '2'")
helper("that forgets the key", "#!/bin/sh\necho '{\"Version\": 1}'\n", "Missing required key")
helper(
    "whose keys are numbers",
    '#!/bin/sh\necho \'{"Version": 1, "AccessKeyId": 5, "SecretAccessKey": 6}\'\n',
    "the JSON",
)
helper("whose time is no time", expiring('"tomorrow"'), "an Expiration that is no time")
helper("whose time is a number", expiring("1900000000"), "the JSON")
helper("whose credentials are over", expiring('"2001-01-01T00:00:00Z"'), "have expired already")
settings("helper that is not there", "credential_process = {folder}/gone\n", "/gone", "is not there")
settings("helper with an open quotation", 'credential_process = /bin/x "a\n', "No closing quotation", "config")
settings("helper without a name", "credential_process =\n", "has no name", "config")
settings(
    "token file that is not there",
    f"role_arn = {ROLE}\nweb_identity_token_file = {{folder}}/token\n",
    "/token",
    "No such",
)
settings("token file that is a folder", f"role_arn = {ROLE}\nweb_identity_token_file = {{folder}}\n", "Is a directory")
settings("token file without a role", "web_identity_token_file = {folder}/token\n", "no role ARN", "/token")
settings("role without a source", f"role_arn = {ROLE}\n", "incomplete", "source_profile")
settings("role of nobody", f"role_arn = {ROLE}\nsource_profile = nobody\n", ROLE, '"nobody"')
settings("role of itself", f"role_arn = {ROLE}\nsource_profile = b\n", ROLE, "Infinite loop",
         others=f"[profile b]\nrole_arn = {ROLE}\nsource_profile = {PROFILE}\n")  # fmt: skip
settings("role from the moon", f"role_arn = {ROLE}\ncredential_source = Moon\n", ROLE, '"Moon"')
settings("role from an environment without keys", f"role_arn = {ROLE}\ncredential_source = Environment\n", ROLE)
OTHER = "[profile b]\naws_access_key_id = A\naws_secret_access_key = s\n"
FROM_B = f"role_arn = {ROLE}\nsource_profile = b\n"
HELPED = "[profile b]\ncredential_process = /gone\n"
settings("role whose source's helper fails", FROM_B, "/gone", "is not there", others=HELPED)
settings("role that wants a code", f"{FROM_B}mfa_serial = arn:aws:iam::1:mfa/me\n", "MFA", "a terminal", others=OTHER)
settings(
    "SSO half set up", f"sso_start_url = {START}\nsso_account_id = 1\nsso_role_name = r\n", "sso_region", "configure"
)
settings("SSO without a sign-in", SSO, "aws sso login --profile work")
settings("SSO session that is not there", "sso_session = corp\nsso_account_id = 1\nsso_role_name = r\n", '"corp"')
settings("aws login without its package", "login_session = arn:aws:iam::1:user/x\n", "aws login", "botocore[crt]")
settings("half a key", "aws_access_key_id = AKIA\n", "incomplete", "aws_secret_access_key")
settings("no keys at all", "", "No AWS credentials", "aws configure --profile work")
settings(
    "time-out that is no number", "metadata_service_timeout = soon\n", "metadata_service_timeout is no number (soon)"
)
settings("metadata by a way that is none", "ec2_metadata_service_endpoint_mode = ipv5\n", "ipv5")


@kind("AWS SSO sign-in", "aws sso login --profile work")
def _(home: Home) -> None:
    """SSO sign-in that is cut"""
    home.has(SSO)
    cache = home.folder / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / TOKEN_FILE).write_text('{"accessToken": "ab')


@kind("/token", "no text")
def _(home: Home) -> None:
    """token file that is no text"""
    (home.folder / "token").write_bytes(b"\xff\xfe\x00")
    home.has(f"role_arn = {ROLE}\nweb_identity_token_file = {home.folder}/token\n")


def of_files(name: str, breaks: Callable[[Home], None], *parts: str) -> None:
    """A file as a whole: the sentence names it, as the profile is not known yet."""
    KINDS.append(Kind(name, breaks, parts))


def _malformed(home: Home) -> None:
    home.has("")
    home.config.write_text("[profile work\nregion")


def _latin(home: Home) -> None:
    home.has("")
    home.config.write_bytes(b"[profile work]\nx = \xff\n")


def _keys_malformed(home: Home) -> None:
    home.has("")
    (home.config.parent / "credentials").write_text("rubbish\n")


def _folder(home: Home) -> None:
    home.has("")
    home.config.unlink()
    home.config.mkdir()


def _other(home: Home) -> None:
    home.has("")
    home.config.write_text("[profile other]\n")


of_files("config file that is malformed", _malformed, "/.aws/config", "malformed")
of_files("config file that is no text", _latin, "/.aws/config", "malformed")
of_files("credentials file that is malformed", _keys_malformed, "/.aws/credentials", "malformed")
of_files("config file that is a folder", _folder, "/.aws/config", "Is a directory")
of_files("profile that is gone", _other, 'no AWS profile "work"', "list-profiles")
SHORT = {
    "helper that fails",
    "helper that prints rubbish",
    "helper that is not there",
    "token file that is no text",
    "role that wants a code",
    "SSO without a sign-in",
    "time-out that is no number",
    "config file that is malformed",
}
"""One of each class, for real processes."""
