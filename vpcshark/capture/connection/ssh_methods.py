"""Logging in to one host by SSH, each way there is: with the user's keys or a pushed one, straight, through jump hosts,
through SSM, through an Instance Connect Endpoint.

Must not know what runs over the connection.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from vpcshark.aws.client import Aws
from vpcshark.aws.compute import instance_login as aws_connect
from vpcshark.aws.errors import is_denied
from vpcshark.capture.connection import host_keys
from vpcshark.capture.connection.host_login import HostLogin, Path
from vpcshark.capture.connection.race import Way, no_address
from vpcshark.errors import AwsError, Refused, TransportError, Unreachable
from vpcshark.transport import clients, eice, proxy, ssm
from vpcshark.transport.base import Stream
from vpcshark.transport.names import HostName, hosts
from vpcshark.transport.ssh_auth import Keys

log = logging.getLogger(__name__)
OWN = frozenset({"own"})  # what a way logs in with, see ``race.Way``
PUSHED = frozenset({"pushed"})


@dataclass(frozen=True)
class Logins(HostLogin):
    """The methods, each to be tried by itself."""

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
        return self._log_in(Path(HostName(self.host.address), self._vouching.endpoint, dial, via, is_aws=True), keys)

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

        path = Path(instance, self._vouching.session, dial, " over Session Manager", is_aws=True)
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

    def _paths(self) -> list[Path]:
        """As the SSH configuration prescribes it, else to each address; [] where there is none and one is needed."""
        settings, vouch = self._settings, self._vouching.console
        names = [settings.address] if settings.address else hosts(*self.addresses)
        if not (settings.proxy_command or settings.jumps):
            return [Path(address, vouch) for address in names]
        if not (names or settings.proxy_command):
            return []
        address = names[0] if names else HostName(self.host.instance)  # the command may know it by that
        known = proxy.Known(self.options.ssh_known_hosts, [str(host_keys.file())], self.config)
        via = f" through {settings.jumps[-1]}" if settings.jumps and not settings.proxy_command else " by a proxy"
        return [Path(address, vouch, partial(proxy.dial, settings, address, self._port, known), via)]

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


def _end_session(aws: Aws, session: str) -> None:
    try:
        aws_connect.end_session(aws, session)
    except AwsError as error:
        log.info("%s", error)
