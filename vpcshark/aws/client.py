"""The way to AWS: one session, one client per service. The only module that imports boto3 and botocore.

The import takes half a second, so it happens inside ``connect``, which a caller can run beside other work.
Must not know what the calls are for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, Protocol

import vpcshark
from vpcshark.aws import answers, models
from vpcshark.aws.credentials import config_files
from vpcshark.aws.credentials.credential_process import PATIENCE
from vpcshark.aws.credentials.regions import judge, resolves_here
from vpcshark.aws.credentials.sign_in import Ask, Chain, Keys
from vpcshark.aws.errors import PROFILE, is_silence, is_unconnected, mapped
from vpcshark.aws.response_limits import bound
from vpcshark.errors import AwsError

CONNECT_TIMEOUT = 3.0  # seconds; a person waits
READ_TIMEOUT = 10.0
ATTEMPTS = 4  # in all, by botocore's standard mode: backs off, keeps the ClientToken
SILENCES = 2  # attempts of one call that AWS took and did not answer; a third would keep a person waiting for nothing
_CHANGES = ("Create", "Modify", "AuthorizeSecurityGroup", "RunInstances")
NEVER_SENT = "vpcshark:NeverSent"  # the code of a call that we called off before any attempt had left
_SILENT = "vpcshark_silent"  # in a call's context: how many of its attempts had no answer
_SENT = "vpcshark_sent"  # in a call's context: at least one of its attempts may have reached AWS


class Ec2(Protocol):
    """The calls of EC2 that we make: each takes the API's parameters by name and returns its answer as a mapping. A
    boto3 client fits. The IAM policies that we hand out list the same operations."""

    def create_traffic_mirror_filter(self, **parameters: Any) -> Mapping[str, Any]: ...
    def create_traffic_mirror_filter_rule(self, **parameters: Any) -> Mapping[str, Any]: ...
    def create_traffic_mirror_session(self, **parameters: Any) -> Mapping[str, Any]: ...
    def create_traffic_mirror_target(self, **parameters: Any) -> Mapping[str, Any]: ...
    def delete_traffic_mirror_filter(self, **parameters: Any) -> Mapping[str, Any]: ...
    def delete_traffic_mirror_session(self, **parameters: Any) -> Mapping[str, Any]: ...
    def delete_traffic_mirror_target(self, **parameters: Any) -> Mapping[str, Any]: ...
    def modify_traffic_mirror_filter_network_services(self, **parameters: Any) -> Mapping[str, Any]: ...
    def modify_traffic_mirror_session(self, **parameters: Any) -> Mapping[str, Any]: ...

    def authorize_security_group_ingress(self, **parameters: Any) -> Mapping[str, Any]: ...
    def revoke_security_group_ingress(self, **parameters: Any) -> Mapping[str, Any]: ...
    def describe_security_group_rules(self, **parameters: Any) -> Mapping[str, Any]: ...

    def create_security_group(self, **parameters: Any) -> Mapping[str, Any]: ...
    def delete_security_group(self, **parameters: Any) -> Mapping[str, Any]: ...
    def run_instances(self, **parameters: Any) -> Mapping[str, Any]: ...
    def terminate_instances(self, **parameters: Any) -> Mapping[str, Any]: ...
    def describe_launch_template_versions(self, **parameters: Any) -> Mapping[str, Any]: ...

    def describe_instances(self, **parameters: Any) -> Mapping[str, Any]: ...
    def describe_network_interfaces(self, **parameters: Any) -> Mapping[str, Any]: ...

    def describe_instance_types(self, **parameters: Any) -> Mapping[str, Any]: ...
    def describe_vpc_endpoint_service_configurations(self, **parameters: Any) -> Mapping[str, Any]: ...
    def describe_vpc_endpoints(self, **parameters: Any) -> Mapping[str, Any]: ...
    def search_transit_gateway_routes(self, **parameters: Any) -> Mapping[str, Any]: ...

    def get_paginator(self, operation_name: str) -> Any:
        """For describe_instances, describe_network_interfaces, describe_traffic_mirror_{filters,sessions,targets}, and
        what preflight looks at: describe_{subnets,route_tables,network_acls,security_groups,security_group_rules},
        describe_vpc_peering_connections, describe_transit_gateway_{attachments,vpc_attachments} and
        get_managed_prefix_list_entries."""


class Aws:
    """One AWS account and region. Clients are made at first use and may be shared between threads."""

    def __init__(
        self, session: Any, config: Any, profile: str, region: str, chain: Chain | None = None, ca_bundle: str = ""
    ) -> None:
        """Use ``connect``. ``profile`` is "" where credentials come without one, ``ca_bundle`` where the certificates
        that are trusted are boto3's own."""
        self.profile = profile
        self.ca_bundle = ca_bundle
        self._chain = chain
        self.region = region
        self._session = session
        self._config = config
        self._clients: dict[str, Any] = {}
        self._is_closing = False
        self._ahead = 0.0
        self._lock = threading.Lock()  # making a client is not thread-safe in boto3, using one is

    @property
    def ec2(self) -> Ec2:
        """The EC2 client."""
        client: Ec2 = self.client("ec2")
        return client

    @property
    def sts(self) -> Any:
        """The STS client."""
        return self.client("sts")

    @property
    def ssm(self) -> Any:
        """The Systems Manager client."""
        return self.client("ssm")

    def tell_keys(self, listener: Callable[[Keys], None]) -> None:
        """Have ``listener`` told of the credentials that sign calls, now and whenever they are renewed; not of those
        that lie in the environment or a file."""
        if self._chain is not None:
            self._chain.tell(listener)

    def presign(self, url: str, service: str, seconds: int) -> str:
        """``url`` (a GET without headers but the host) with a SigV4 signature in its query, good for ``seconds``."""
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(method="GET", url=url)
        credentials = self._session.get_credentials().get_frozen_credentials()
        SigV4QueryAuth(credentials, service, self.region, expires=seconds).add_auth(request)
        return str(request.url)

    def regions(self) -> list[str]:
        """The regions of this account's partition, as boto3's data has them: newer ones are missing, none is asked."""
        with mapped("list the regions", profile=self.profile):
            partition = self._session.get_partition_for_region(self.region)
            found: list[str] = self._session.get_available_regions("ec2", partition_name=partition)
        return sorted(found)

    def uses(self, variant: str) -> bool:
        """Do the settings ask for endpoints of this kind ("fips", "dualstack")?"""
        return bool(getattr(self.client("ec2").meta.config, f"use_{variant}_endpoint", False))

    def endpoint(self, service: str) -> str:
        """The URL that the service is asked at."""
        return str(self.client(service).meta.endpoint_url)

    def client(self, service: str) -> Any:
        """The client of ``service``, as boto3 names it. AwsError where it can't be made."""
        with self._lock, mapped(f"use the service {service}", service=service, profile=self.profile):
            if service not in self._clients:
                client = self._session.client(service, config=self._config)
                bound(client)
                client.meta.events.register("request-created", self._check)
                client.meta.events.register("response-received", self._note)
                client.meta.events.register("after-call", self._sign)
                self._clients[service] = client
            return self._clients[service]

    @property
    def ahead(self) -> float:
        """Seconds that this machine's clock is ahead of AWS's, by its last answer; 0.0 before the first."""
        return self._ahead

    def stop_creating(self) -> None:
        """From now on no create or change is sent, nor sent again by botocore, which repeats calls for up to a minute:
        a create that leaves after its capture was cleaned up would never be found. Thread-safe."""
        self._is_closing = True

    def _check(self, operation_name: str = "", request: Any = None, **_: Any) -> None:
        """Called by botocore before each attempt of each call. One that was never sent surely made nothing."""
        if self._is_closing and operation_name.startswith(_CHANGES):
            _call_off(operation_name, request.context)

    def _sign(self, parsed: Any = None, **_: Any) -> None:
        """Called by botocore after each call: a refusal shall name the profile."""
        if isinstance(parsed, dict):
            parsed.setdefault("ResponseMetadata", {})[PROFILE] = self.profile

    def _note(
        self,
        context: Any,
        exception: Exception | None,
        event_name: str,
        response_dict: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Called by botocore after each attempt: whether a request left at all is known only here, as the exception
        that comes out in the end is the last attempt's. (``context`` is one for all attempts of a call.)"""
        if response_dict is not None:
            self._compare_clocks(response_dict.get("headers", {}))
        if exception is not None and is_silence(exception):
            context[_SILENT] = context.get(_SILENT, 0) + 1
            if context[_SILENT] >= SILENCES:
                raise exception  # out of botocore's repeats
        if exception is None or not is_unconnected(exception):
            context[_SENT] = True
        elif _SENT not in context:
            exception.was_never_sent = True  # type: ignore[attr-defined]  # errors.is_unsent reads it
            operation = event_name.rpartition(".")[2]
            if self._is_closing and operation.startswith(("Create", "RunInstances")):
                _call_off(operation, context)  # at once: botocore would rest first

    def _compare_clocks(self, headers: Mapping[str, str]) -> None:
        try:
            there = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except (TypeError, ValueError, OverflowError):  # RFC 9110, 6.6.1: a server without a clock sends none
            return
        self._ahead = time.time() - there


def _call_off(operation: str, context: Mapping[str, Any]) -> NoReturn:
    code = "" if context.get(_SENT) else NEVER_SENT
    raise AwsError(f"{operation} was called off, because the capture ends.", code=code)


def region_in_force(profile: str = "") -> str:
    """The region that calls without one would go to; "" if there is none, or the settings cannot be read."""
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        return region
    try:
        with mapped("find the region", service="sts"):
            return str(_session(_core(profile)).region_name or "")
    except AwsError:
        return ""


def profiles() -> list[str]:
    """The profiles of the AWS configuration, by name. AwsError if it can't be read."""
    with mapped("list the profiles", service="sts"):
        return sorted(_core().available_profiles)


def connect(profile: str = "", region: str = "", ask: Ask | None = None, patience: float = PATIENCE) -> Aws:
    """The account and region that the user means, as boto3 finds them (arguments, environment, shared config, SSO,
    assumed role, instance role).

    Credentials are obtained here, so that a missing or expired sign-in is told with the profile's name. ``ask`` puts a
    question (an MFA code) to a person; None: nobody is there, and a program that gives credentials has ``patience``
    seconds. Raises AwsError with a remedy: no credentials, SSO expired, no such profile, no region, no such region.
    """
    name = profile or os.environ.get("AWS_PROFILE", "")
    with mapped("sign in", service="sts", profile=name):
        core = _core(profile)
        config_files.check_files(core)
        session = _session(core, _place(region))
        config_files.check_bundle(core)
        chosen = _checked_region(session, resolves_here)
        config = _config()
        core.set_default_client_config(config)  # also of the clients that ask SSO and STS for credentials
        chain = Chain(core, name, ask, patience)
        core.register_component("credential_provider", chain)
        _obtain_credentials(session)
        bundle = config_files.bundle(core)
    return Aws(session, config, name, chosen, chain, bundle)


def connect_with(keys: Keys, profile: str, region: str) -> Aws:
    """The account of these credentials. What the profile says of endpoints and certificates holds for them too, if
    there still is such a profile. AwsError."""
    with mapped("sign in", service="sts"):
        core = _core()
        if profile in core.available_profiles:
            core.set_config_variable("profile", profile)
        core.set_credentials(keys.key_id, keys.secret, keys.token or None)
        session = _session(core, _place(region))
        return Aws(session, _config(), "", str(session.region_name), ca_bundle=config_files.bundle(core))


def _core(profile: str = "") -> Any:
    """A session of botocore's, whose answers we read."""
    import botocore.session

    core = botocore.session.get_session()
    if profile:
        core.set_config_variable("profile", profile)
    answers.read_by_us(core)
    return core


def _session(core: Any, region: str | None = None) -> Any:
    import boto3

    models.read_once(core)
    return boto3.Session(botocore_session=core, region_name=region)


def _place(region: str) -> str | None:
    return region or os.environ.get("AWS_REGION") or None  # as the AWS command line and all SDKs but boto3 read it


def _config() -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        tcp_keepalive=True,
        max_pool_connections=32,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent_extra=f"vpcshark/{vpcshark.__version__}",
    )


def _obtain_credentials(session: Any) -> None:
    from botocore.exceptions import NoCredentialsError

    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    credentials.get_frozen_credentials()  # SSO and assumed roles are asked only now


def _checked_region(session: Any, resolves: Callable[[str], bool]) -> str:
    """The session's region. One that boto3's data does not list may be newer than boto3: EC2 has a DNS name there."""
    from botocore.exceptions import NoRegionError

    region = str(session.region_name or "")
    if not region:
        raise NoRegionError
    judge(region, session, resolves)
    return region


def check_region(region: str) -> None:
    """AwsError if there is no such region."""
    judge(region, _session(_core(), region), resolves_here)
