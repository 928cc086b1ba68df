"""Who logs in to one host by SSH, with which keys, and whom it trusts: the same for each method.

Must not know the methods (``ssh_methods``), nor what runs over the connection.
"""

from __future__ import annotations

import base64
import io
import logging
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vpcshark.aws.client import Aws
from vpcshark.aws.compute import instance_login as aws_connect
from vpcshark.aws.compute.capture_hosts import DEFAULT_USER, USER_TAG, CaptureHost
from vpcshark.capture.connection import host_keys, login_users
from vpcshark.capture.connection.host_key_proof import Vouching
from vpcshark.capture.connection.ssh_config import settings_of, user_name
from vpcshark.capture.contract.options import LoginOptions
from vpcshark.errors import AwsError, Hopeless, TransportError
from vpcshark.transport import clients, ssh, ssh_config
from vpcshark.transport.base import Stream
from vpcshark.transport.known_hosts import host_names
from vpcshark.transport.names import HostName, UserName
from vpcshark.transport.openssh import Login
from vpcshark.transport.ssh_auth import Keys, configured, is_security_key, load_key

log = logging.getLogger(__name__)
Dial = Callable[[], Stream]


@dataclass(frozen=True)
class Path:
    """One connection to where SSH is spoken; ``dial`` is None for TCP, else ``via`` names it. ``vouch`` knows a host
    key that nobody has noted."""

    address: HostName
    vouch: Callable[[str, bytes], bool]
    dial: Dial | None = None
    via: str = ""
    is_aws: bool = False


@dataclass(frozen=True)
class HostLogin:
    """``addresses`` are all that the host has, the likeliest first; ``connect`` is None if AWS is not to be asked;
    ``config`` is the SSH configuration; ``configured`` gives what it says of the host, if that was asked before."""

    host: CaptureHost
    addresses: Sequence[str]
    options: LoginOptions
    connect: Callable[[], Aws] | None = None
    config: ssh_config.Config = field(default_factory=ssh_config.Config)
    configured: Callable[[], ssh_config.Settings] | None = None

    def check_named_key(self) -> None:
        """Hopeless if the user named a key file that cannot be used: no other key may hide that."""
        try:
            self._named_key  # noqa: B018 - it is loaded here
        except TransportError as error:
            raise Hopeless(error.problem, error.remedy) from error

    @cached_property
    def _named_key(self) -> Keys | None:
        """Loaded once, so that nobody is asked twice for its passphrase; a security key, which the agent does not have,
        is ssh's to ask."""
        name = self.options.ssh_key
        if not name:
            return None
        try:
            return Keys(only=((load_key(name), name),), certificates=(f"{name}-cert.pub",))
        except TransportError:
            if not (is_security_key(name) and self._settings.program):
                raise
            return Keys(file=name)

    @property
    def pin(self) -> str:
        """Under what accepted keys are kept: the instance's id, which no other ever has, in known_hosts' form."""
        return host_names(self.host.instance, self._port)[-1]

    def accept_command(self) -> str:
        """What the user runs to accept that key."""
        given = self.options
        command = ["vpcshark", "trust", self.host.instance]
        if given.ssh_port != 22:
            command += ["--port", str(given.ssh_port)]
        if given.ssh_known_hosts and self._settings.jumps:
            command += ["--ssh-known-hosts", given.ssh_known_hosts]
        for option, value in (("--profile", given.profile), ("--region", given.region)):
            command += [option, value] if value else []
        return shlex.join(command)

    def _login(self, path: Path, keys: Keys) -> Login:
        settings = replace(self._settings, masters=()) if path.is_aws else self._settings  # who names a way gets it
        user, trust = self._user, self._trust(path.vouch)
        return Login(path.address, user, self._port, keys, trust, settings, path.dial, path.via)

    def _log_in(self, path: Path, keys: Callable[[], Keys]) -> clients.Client:
        transport = clients.connect(self._login(path, keys()))
        if not (self.options.ssh_user or self._settings.user):
            login_users.note_user(self.host.instance, self._user)
        return transport

    def _trust(self, vouch: Callable[[str, bytes], bool]) -> ssh.Trust:
        named, alias = self.options.ssh_known_hosts, self._settings.host_key_alias
        return ssh.Trust(
            files=[named] if named else [],
            usual=self._settings.known_hosts,
            revoked=self._settings.revoked_host_keys,
            further=[str(host_keys.file())],
            aliases=[alias, self.pin] if alias else [self.pin],
            vouch=vouch,
            accept=self.accept_command(),
        )

    @cached_property
    def _settings(self) -> ssh_config.Settings:
        if self.configured is not None:
            return self.configured()
        return settings_of(self.host, self.addresses, self.options, self.config)

    @cached_property
    def _user(self) -> UserName:
        """Hopeless if it is none that SSH can use: a tag is any text."""
        return user_name(self._said_user(), self.host.instance)

    def _said_user(self) -> str:
        """The option, the SSH configuration, the instance's tag, its image: whoever says something first."""
        said = self.options.ssh_user or self._settings.user or self.host.tags.get(USER_TAG, "")
        if said or self.connect is None:
            return said or self.host.user
        if known := login_users.user_of(self.host.instance):  # an instance keeps its image
            return known
        try:
            return aws_connect.login_user(self._aws(), self.host.instance) or DEFAULT_USER
        except AwsError as error:
            log.info("The login user is a guess: %s", error)
            return DEFAULT_USER

    @property
    def _port(self) -> int:
        return self.options.ssh_port if self.options.ssh_port != 22 else self._settings.port or 22

    def _own_keys(self) -> Keys:
        return self._named_key or configured(self._settings)

    def _pushed_keys(self) -> Keys:
        """A fresh key that never touches a disk."""
        private = Ed25519PrivateKey.generate()
        key = paramiko.Ed25519Key.from_private_key(_file_of(private))
        text = f"ssh-ed25519 {base64.b64encode(key.asbytes()).decode()}"
        aws_connect.push_key(self._aws(), self.host.instance, self._user, text)
        return Keys(only=((key, "that Instance Connect pushed"),))

    def _aws(self) -> Aws:
        assert self.connect is not None
        return self.connect()

    @property
    def _vouching(self) -> Vouching:
        return Vouching(self.host, self.pin, self.accept_command(), self.connect)


def _file_of(private: Ed25519PrivateKey) -> io.StringIO:
    return io.StringIO(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode())
