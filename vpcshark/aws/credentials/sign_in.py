"""How boto3's chain of credential providers is used: its cache is the AWS command line's, it asks a person only where
there is one, and whatever it raises is told in a sentence (``error_texts``).

boto3 itself is handed in, imported. Must not know what the credentials are for.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vpcshark.aws.credentials import error_texts
from vpcshark.aws.credentials.credential_process import Helpers
from vpcshark.aws.credentials.error_texts import NobodyToAsk, Source

log = logging.getLogger(__name__)

Ask = Callable[[str], str]
"""Puts a question to the person at the terminal; the answer."""

# They lie where they were found, for every process of the user's: nobody need hand them on.
_LASTING = ("env", "shared-credentials-file", "config-file", "explicit")


@dataclass(frozen=True)
class Keys:
    """Credentials as they sign a call, good until ``expires`` (seconds since the epoch; 0: nobody says)."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    expires: float = 0.0

    def as_line(self) -> bytes:
        """For a pipe; never for a disk."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> Keys:
        """The inverse. ValueError or TypeError where it is no such line."""
        return cls(**json.loads(line))

    def hold(self, now: float, seconds: float = 0.0) -> bool:
        """Are they good for that long?"""
        return not self.expires or self.expires > now + seconds


class Chain:
    """A ``credential_provider`` for botocore: the usual chain, guarded."""

    def __init__(self, session: Any, profile: str, ask: Ask | None, patience: float) -> None:
        """``session`` is botocore's. ``ask`` None: nobody is there, so nothing is asked."""
        self._session = session
        self._profile = profile
        self._ask = ask or _nobody
        self._helpers = Helpers(patience, has_person=ask is not None)
        self._listeners: list[Callable[[Keys], None]] = []
        self.keys: Keys | None = None

    def load_credentials(self) -> Guarded | None:
        """What botocore calls. None where no provider has any; AwsError."""
        found = self.load()
        return None if found is None else Guarded(found, self)

    def load(self) -> Any:
        """Ask the providers one after the other; botocore's credentials, or None. AwsError."""
        method = ""
        try:
            for provider in self._providers():
                method = provider.METHOD
                if (found := provider.load()) is not None:
                    return found
        except Exception as exc:
            raise self.explained(exc, method) from exc
        return None

    def tell(self, listener: Callable[[Keys], None]) -> None:
        """Have ``listener`` told of the credentials now and whenever there are others, if they don't lie about."""
        self._listeners.append(listener)
        if self.keys is not None:
            listener(self.keys)

    def used(self, keys: Keys, method: str) -> None:
        """These sign calls from now on."""
        if keys != self.keys and method not in _LASTING:
            self.keys = keys
            for listener in self._listeners:
                listener(keys)

    def explained(self, exc: Exception, method: str) -> Exception:
        """The AwsError for what a provider raised."""
        return error_texts.explained(exc, Source.of(self._session, self._profile, method, self._helpers))

    def _providers(self) -> list[Any]:
        from botocore.credentials import create_credential_resolver

        resolver: Any = create_credential_resolver(
            self._session, cache=_shared_cache(), region_name=self._session.get_config_variable("region")
        )
        for provider in resolver.providers:
            self._fit(provider)
            if provider.METHOD == "assume-role":
                provider._prompter = self._ask
                builder = provider._profile_provider_builder
                builder.providers = self._fitted(builder.providers)
        providers: list[Any] = resolver.providers
        return providers

    def _fitted(self, make: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """The profile that a role is assumed from may have a ``credential_process`` too."""

        def fitted(*arguments: Any, **named: Any) -> list[Any]:
            made = make(*arguments, **named)
            for provider in made:
                self._fit(provider)
            return made

        return fitted

    def _fit(self, provider: Any) -> None:
        if provider.METHOD == "custom-process":
            provider._popen = self._helpers


class Guarded:
    """botocore's credentials; a refresh that fails is told in a sentence, and not at all while they are still good."""

    def __init__(self, inner: Any, chain: Chain) -> None:
        self._inner = inner
        self._chain = chain
        self._last: tuple[Any, Keys] | None = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get_frozen_credentials(self) -> Any:
        """As botocore's. AwsError."""
        try:
            return self._noted(self._inner.get_frozen_credentials())
        except Exception as exc:
            if (others := self._in_spite_of(exc)) is not None:
                return others
            raise self._chain.explained(exc, self._inner.method) from exc

    def _noted(self, frozen: Any) -> Any:
        if not isinstance(frozen.access_key, str) or not isinstance(frozen.secret_key, str):
            raise TypeError("credentials that are no text")
        expiry = getattr(self._inner, "_expiry_time", None)  # as "aws configure export-credentials" reads it
        keys = Keys(frozen.access_key, frozen.secret_key, frozen.token or "", expiry.timestamp() if expiry else 0.0)
        with self._lock:
            self._last = (frozen, keys)
            self._chain.used(keys, self._inner.method)
        return frozen

    def _in_spite_of(self, exc: Exception) -> Any:
        """botocore refuses to ask twice for a role with MFA, but somebody may have signed in elsewhere meanwhile; and
        it refuses credentials ten minutes before their end."""
        if type(exc).__name__ == "RefreshWithMFAUnsupportedError" and (fresh := self._anew()) is not None:
            return fresh
        if self._last is not None and self._last[1].hold(time.time()):
            log.warning("The AWS credentials could not be renewed yet: %s", type(exc).__name__)
            return self._last[0]
        return None

    def _anew(self) -> Any:
        try:
            other = self._chain.load()
            frozen = other.get_frozen_credentials()
        except Exception as exc:  # noqa: BLE001 - the caller tells of the first failure
            log.info("Nobody has signed in meanwhile: %s", type(exc).__name__)
            return None
        self._inner = other
        return self._noted(frozen)


def _nobody(question: str) -> str:
    raise NobodyToAsk(question)


def _shared_cache() -> Any:
    """The AWS command line's, so that one sign-in serves both: ``awscli/customizations/assumerole.py`` and ``…/sso``
    have it there, and its keys are botocore's own. What is cut or foreign in it counts as not there."""
    from botocore.utils import JSONFileCache

    folder = Path(os.path.expanduser("~/.aws/cli/cache"))

    class Shared(JSONFileCache):
        def __contains__(self, key: str) -> bool:
            try:
                return _is_whole(self[key]["Credentials"])
            except (KeyError, TypeError):
                return False

        def __setitem__(self, key: str, value: Any) -> None:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                super().__setitem__(key, value)
            except OSError as error:  # then the next one has to sign in again
                log.info("The AWS command line's cache takes no credentials: %s", error.strerror)

    return Shared(str(folder))


def _is_whole(cached: Any) -> bool:
    """Are these credentials, with a time in a zone until which they are good?"""
    from dateutil.parser import parse  # as botocore reads it

    try:
        is_timed = parse(cached["Expiration"]).tzinfo is not None
    except (ValueError, OverflowError, TypeError):
        return False
    return is_timed and all(
        isinstance(cached[name], str) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
    )
