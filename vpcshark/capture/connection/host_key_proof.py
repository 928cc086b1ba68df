"""What AWS knows of a host key that nobody knows yet: by the console, or by a tunnel that ends at the instance.

What AWS has vouched for once is kept under the instance's id, so that from then on a change is seen. Must not know how
a connection is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vpcshark.aws.client import Aws
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.compute.console_host_keys import DoubtfulConsole
from vpcshark.capture.connection import host_keys
from vpcshark.errors import AwsError, Mistake, TransportError
from vpcshark.transport.known_hosts import fingerprint

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vouching:
    """For one host, whose keys are kept under the name ``pin``; ``accept`` is the command that accepts a key.
    ``connect`` is None if AWS is not to be asked; ``pins`` is where keys are kept, None for the user's own file."""

    host: CaptureHost
    pin: str
    accept: str
    connect: Callable[[], Aws] | None
    pins: Path | None = None

    def console(self, key_type: str, key: bytes) -> bool:
        """Did the instance print it at its first boot? TransportError if somebody else may have."""
        if self.connect is None:
            return False
        try:
            is_printed = host_keys.is_on_console(self.connect(), self.host.instance, key_type, key)
        except DoubtfulConsole as doubt:
            raise TransportError(
                f"The host key of {self.host.instance} is not known. {doubt.problem}",
                "Have the instance's owner tell the fingerprint of its key; to accept it, run: "
                f"{self.accept} --fingerprint SHA256:…",
            ) from doubt
        return is_printed and self._keep("The console output", key_type, key)

    def session(self, key_type: str, key: bytes) -> bool:
        """Session Manager is asked for the instance by its id, so the key is that instance's."""
        return self._keep("Session Manager", key_type, key)

    def endpoint(self, key_type: str, key: bytes) -> bool:
        """An Instance Connect Endpoint leads to an address. What is known of it may be from the last run or hours old,
        and AWS gives addresses to others: so it is asked whose it is now. TransportError if it is another's."""
        assert self.connect is not None
        try:
            now = capture_hosts.find_host(self.connect().ec2, self.host.instance)
        except Mistake as gone:
            raise TransportError(gone.problem, "Refresh the list of interfaces.") from gone
        except AwsError as error:
            log.info("AWS does not say whose address %s is: %s", self.host.address, error)
            return False
        if (now.address, now.vpc) != (self.host.address, self.host.vpc):
            problem = f"{self.host.address} is not the address of {self.host.instance} any more: that is {now.address}."
            raise TransportError(problem, "Refresh the list of interfaces.")
        return self._keep("AWS's tunnel", key_type, key)

    def _keep(self, who: str, key_type: str, key: bytes) -> bool:
        """AWS would vouch again, so a disk that takes no note is done without."""
        log.info("%s vouches for the %s key %s of %s.", who, key_type, fingerprint(key), self.host.instance)
        try:
            host_keys.add(self.pin, key_type, key, self.pins)
        except OSError as error:
            log.warning("The host key of %s is not kept: %s.", self.pin, error.strerror)
        return True
