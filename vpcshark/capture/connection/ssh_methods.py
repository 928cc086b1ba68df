"""Logging in to one host by SSH, each way there is: with the user's keys or a pushed one, straight, through jump hosts,
through SSM, through an Instance Connect Endpoint.

Must not know what runs over the connection.
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vpcshark.aws.client import Aws
from vpcshark.aws.compute import instance_login as aws_connect
from vpcshark.aws.compute.capture_hosts import DEFAULT_USER, USER_TAG, CaptureHost
from vpcshark.aws.errors import is_denied
from vpcshark.capture.connection import host_keys, login_users
from vpcshark.capture.connection.host_key_proof import Vouching
from vpcshark.capture.connection.race import Way, no_address
from vpcshark.capture.connection.ssh_config import settings_of, user_name
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.errors import AwsError, Hopeless, Refused, TransportError, Unreachable
from vpcshark.transport import clients, eice, proxy, ssh, ssh_config, ssm
from vpcshark.transport.base import Stream
from vpcshark.transport.known_hosts import host_names
from vpcshark.transport.names import HostName, UserName, hosts
from vpcshark.transport.openssh import Login
from vpcshark.transport.ssh_auth import Keys, configured, is_security_key, load_key

log = logging.getLogger(__name__)
Dial = Callable[[], Stream]
OWN = frozenset({"own"})  # what a way logs in with, see ``race.Way``
PUSHED = frozenset({"pushed"})


@dataclass(frozen=True)
class _Path:
    """One way to where SSH is spoken; ``dial`` is None for TCP, else ``via`` names it. ``vouch`` knows a host key that
    nobody has noted."""

    address: HostName
    vouch: Callable[[str, bytes], bool]
    dial: Dial | None = None
    via: str = ""
    is_aws: bool = False


@dataclass(frozen=True)
class Logins:
    """``addresses`` are all that the host has, the likeliest first; ``connect`` is None if AWS is not to be asked;
    ``config`` is the SSH configuration; ``configured`` gives what it says of the host, if that was asked before."""

    host: CaptureHost
    addresses: Sequence[str]
    options: CaptureOptions
    connect: Callable[[], Aws] | None = None
    config: ssh_config.Config = field(default_factory=ssh_config.Config)
    configured: Callable[[], ssh_config.Settings] | None = None

    def direct(self) -> list[Way]:
        """SSH with the user's own keys: to each address, or as the SSH configuration has it, if it has the host."""
        return self._straight(self._own_keys, "SSH", OWN)

    def with_pushed_key(self) -> list[Way]:
        """The same with a key that EC2 Instance Connect lets in for a minute."""
        return self._straight(self._pushed_keys, "Instance Connect", PUSHED)

    def endpoint(self) -> Way:
        """SSH through an Instance Connect Endpoint, with the key that the user named, else a pushed one."""
        return Way("an Instance Connect Endpoint", self._over_endpoint, keys=OWN if self._named_key else PUSHED)

    def session_manager(self) -> Way:
        """SSH through Session Manager, with the key that the user named, else a pushed one, else the user's others."""
        return Way("Session Manager", self._over_session, keys=OWN if self._named_key else OWN | PUSHED)

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

    def _over_endpoint(self) -> clients.Client:
        if self._port not in aws_connect.TUNNEL_PORTS:
            raise TransportError(f"An Instance Connect Endpoint does not lead to port {self._port}, only to 22.")
        if not self.host.address:
            raise no_address(self.host.name)
        aws = self._aws()
        endpoint = aws_connect.find_endpoint(aws, self.host.vpc, self.host.subnet, self.host.address)
        url = aws_connect.tunnel_url(aws, endpoint, self.host.address, self._port)
        dial = partial(eice.open_tunnel, url, aws.ca_bundle)
        via = f" over the endpoint {endpoint.id}"
        keys = self._own_keys if self._named_key else self._pushed_keys
        return self._log_in(_Path(HostName(self.host.address), self._vouching.endpoint, dial, via, is_aws=True), keys)

    def _over_session(self) -> clients.Client:
        plugin = ssm.find_plugin()
        aws = self._aws()
        if not self._is_managed(aws):
            raise TransportError(
                f"{self.host.name} is not online in Session Manager.",
                "It needs the SSM agent, its instance role AmazonSSMManagedInstanceCore, and a way to the service.",
            )
        if self._named_key:
            return self._over_ssm(aws, plugin, self._own_keys)
        try:
            return self._over_ssm(aws, plugin, self._pushed_keys)
        except (Refused, AwsError) as error:
            log.info("A pushed key does not work over Session Manager: %s", error)
            try:
                return self._over_ssm(aws, plugin, self._own_keys)
            except Refused:  # as the pushed one was, which is the expected one
                raise error from None

    def _is_managed(self, aws: Aws) -> bool:
        """Who may not ask that may start a session all the same."""
        try:
            return aws_connect.is_managed(aws, self.host.instance)
        except AwsError as error:
            if not is_denied(error):
                raise
            log.info("Whether Session Manager has the instance is not known: %s", error)
            return True

    def _over_ssm(self, aws: Aws, plugin: str, keys: Callable[[], Keys]) -> clients.Client:
        instance = HostName(self.host.instance)
        sessions: list[str] = []  # one for each client that is tried: its token is good for one connection

        def start() -> Mapping[str, str]:
            answer = aws_connect.start_session(aws, instance, self._port)
            sessions.append(answer.get("SessionId", ""))
            return answer

        prepared = [start()]  # before a key is pushed

        def dial() -> Stream:
            answer = prepared.pop() if prepared else start()
            started = ssm.Started(answer, instance, aws.region, aws.profile, aws.endpoint("ssm"), aws.ca_bundle)
            return ssm.open_tunnel(plugin, started)

        def end() -> None:
            while sessions:
                _end_session(aws, sessions.pop())

        path = _Path(instance, self._vouching.session, dial, " over Session Manager", is_aws=True)
        try:
            transport = self._log_in(path, keys)
        except BaseException:
            end()
            raise
        transport.on_close(end)
        return transport

    def _straight(self, keys: Callable[[], Keys], what: str, kind: frozenset[str]) -> list[Way]:
        return [
            Way(
                f"{what}{path.via or f' to {path.address}'}",
                partial(self._log_in, path, keys),
                keys=kind,
                is_direct=path.dial is None,
            )
            for path in self._paths()
        ]

    def _paths(self) -> list[_Path]:
        """As the SSH configuration prescribes it, else to each address; [] where there is none and one is needed."""
        settings, vouch = self._settings, self._vouching.console
        names = [settings.address] if settings.address else hosts(*self.addresses)
        if not (settings.proxy_command or settings.jumps):
            return [_Path(address, vouch) for address in names]
        if not (names or settings.proxy_command):
            return []
        address = names[0] if names else HostName(self.host.instance)  # the command may know it by that
        known = proxy.Known(self.options.ssh_known_hosts, [str(host_keys.file())], self.config)
        via = f" through {settings.jumps[-1]}" if settings.jumps and not settings.proxy_command else " by a proxy"
        return [_Path(address, vouch, partial(proxy.dial, settings, address, self._port, known), via)]

    def shown_key(self) -> tuple[str, bytes]:
        """Type and blob of the host key that SSH is shown, by the way that a capture takes. TransportError."""
        paths = self._paths()
        if not paths:
            raise no_address(self.host.name)
        *others, last = paths
        for path in others:
            with contextlib.suppress(Unreachable):
                return clients.host_key(self._login(path, Keys()))
        return clients.host_key(self._login(last, Keys()))

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

    def _login(self, path: _Path, keys: Keys) -> Login:
        settings = replace(self._settings, masters=()) if path.is_aws else self._settings  # who names a way gets it
        user, trust = self._user, self._trust(path.vouch)
        return Login(path.address, user, self._port, keys, trust, settings, path.dial, path.via)

    def _log_in(self, path: _Path, keys: Callable[[], Keys]) -> clients.Client:
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


def _end_session(aws: Aws, session: str) -> None:
    try:
        aws_connect.end_session(aws, session)
    except AwsError as error:
        log.info("%s", error)
