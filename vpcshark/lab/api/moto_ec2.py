"""Our Traffic Mirroring inside moto's EC2: operations set on its response class, state kept on its back end.

No fork and no registration: moto finds an operation by the method's name. Its own eight Traffic Mirroring operations
are replaced. The state lives on moto's back end of the account and region, so that a reset of moto resets it too.
The only module that knows moto's insides.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.ec2 import utils as ec2_utils
from moto.ec2.exceptions import DryRunClientError, EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses import EC2Response
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.responses.tags import TagResponse
from moto.ec2.responses.traffic_mirrors import TrafficMirrors

from vpcshark.lab.api import moto_balancers
from vpcshark.lab.api.describe import page
from vpcshark.lab.api.operations import OPERATIONS, perform
from vpcshark.lab.api.sessions import in_force
from vpcshark.lab.api.state import ApiError, Record, State
from vpcshark.lab.model import LabSession

_STATE = "vpcshark_mirror_state"
PREFIXES = {
    "traffic-mirror-filter": "tmf",
    "traffic-mirror-filter-rule": "tmfr",
    "traffic-mirror-target": "tmt",
    "traffic-mirror-session": "tms",
}
TURN = threading.RLock()  # moto's state is not made for threads: who reads or changes it beside others holds this


class MotoVpc:
    """The rest of EC2, asked of moto's back end."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.account = str(backend.account_id)

    def eni_problem(self, eni_id: str) -> str | None:
        """Why the ENI cannot be a source; None: there is none."""
        eni = self._backend.enis.get(eni_id)
        if eni is None:
            return None
        if eni.interface_type != "interface" or eni.requester_managed:
            return "only network interfaces of type 'interface' that no AWS service manages can be mirrored."
        return ""

    def instance_type(self, eni_id: str) -> str:
        """Of the instance that has the ENI; "" if none has."""
        eni = self._backend.enis.get(eni_id)
        return str(eni.instance.instance_type) if eni is not None and eni.instance is not None else ""

    def has_balancer(self, arn: str) -> bool:
        """See ``state.Vpc``."""
        return moto_balancers.has_balancer(self._backend, arn)

    def has_endpoint(self, endpoint: str) -> bool:
        """See ``state.Vpc``."""
        found = self._backend.vpc_end_points.get(endpoint)
        return found is not None and found.state != "deleted"

    def behind_balancer(self, arn: str) -> tuple[str, ...]:
        """See ``state.Vpc``."""
        return moto_balancers.behind_balancer(self._backend, arn)

    def behind_endpoint(self, endpoint: str) -> tuple[str, ...]:
        """See ``state.Vpc``."""
        return moto_balancers.behind_endpoint(self._backend, endpoint)

    def resolver(self, eni_id: str) -> str:
        """The VPC's base address + 2."""
        vpc = self._backend.get_vpc(self._backend.enis[eni_id].subnet.vpc_id)
        return str(ip_network(vpc.cidr_block).network_address + 2)

    def tags(self, resource_id: str) -> list[dict[str, str]]:
        """Kept by moto, so that CreateTags, DeleteTags and DescribeTags work on them."""
        tags = self._backend.tags.get(resource_id, {})
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def tag(self, resource_id: str, tags: list[dict[str, str]]) -> None:
        """Add tags."""
        self._backend.create_tags([resource_id], {tag["Key"]: tag.get("Value", "") for tag in tags})

    def forget_tags(self, resource_id: str) -> None:
        """The resource is gone."""
        self._backend.tags.pop(resource_id, None)


def install() -> None:
    """Put our operations into moto, for the whole process. Doing it again changes nothing."""
    _install_prefixes()
    for action in OPERATIONS:
        setattr(TrafficMirrors, camelcase_to_underscores(action), _answering(action))
    ElasticNetworkInterfaces.describe_network_interfaces = _describe_network_interfaces
    ElasticNetworkInterfaces.delete_network_interface = _delete_network_interface
    TagResponse.create_tags = _create_tags
    TaggedEC2Resource.get_tags = _own_tags


def sessions_in_force() -> list[LabSession]:
    """The sessions of all accounts and regions that mirror now."""
    states = [
        state
        for regions in list(ec2_backends.values())
        for backend in list(regions.values())
        if (state := getattr(backend, _STATE, None)) is not None
    ]
    return [session for state in states for session in in_force(state)]


def mark_managed(eni_id: str, interface_type: str) -> None:
    """Make an ENI that moto calls an ordinary one what EC2 would call it: of this type, managed by an AWS service."""
    for regions in list(ec2_backends.values()):
        for backend in list(regions.values()):
            if eni_id in backend.enis:
                backend.enis[eni_id].interface_type = interface_type
                backend.enis[eni_id].requester_managed = True


def _install_prefixes() -> None:
    """Let CreateTags take our ids, and DescribeTags name their type."""
    for resource, prefix in PREFIXES.items():
        ec2_utils.EC2_RESOURCE_TO_PREFIX[resource] = prefix
        ec2_utils.EC2_PREFIX_TO_RESOURCE[prefix] = resource


def _answering(action: str) -> Callable[[EC2Response], ActionResult]:
    def respond(response: EC2Response) -> ActionResult:
        return ActionResult(_checked(lambda: perform(_state(response.ec2_backend), action, response.params)))

    return respond


def _checked(answer: Callable[[], Record]) -> Record:
    """Our errors become moto's, which become XML."""
    try:
        return answer()
    except ApiError as error:
        if error.code == DryRunClientError.code:
            raise DryRunClientError() from None  # moto answers it with EC2's status, 412
        raise EC2ClientError(error.code, error.message) from None


def _state(backend: Any) -> State:
    state: State | None = getattr(backend, _STATE, None)
    if state is None:
        state = State(MotoVpc(backend))
        setattr(backend, _STATE, state)
    return state


_all_network_interfaces = ElasticNetworkInterfaces.describe_network_interfaces


def _describe_network_interfaces(response: EC2Response) -> ActionResult:
    """moto's answer in pages, as EC2 gives it (moto ignores MaxResults)."""
    everything: Any = _all_network_interfaces(response)
    return ActionResult(_checked(lambda: _paged(everything.result["NetworkInterfaces"], response.params)))


_any_deleted = ElasticNetworkInterfaces.delete_network_interface


def _delete_network_interface(response: EC2Response) -> ActionResult:
    """EC2 keeps an interface that is attached; moto would delete it. Code and words as users report them:
    https://github.com/gruntwork-io/cloud-nuke/issues/431."""
    eni = response.ec2_backend.enis.get(response.params.get("NetworkInterfaceId"))
    if eni is not None and eni.instance is not None:
        raise EC2ClientError("InvalidParameterValue", f"Network interface '{eni.id}' is currently in use.")
    return _any_deleted(response)


_all_create_tags = TagResponse.create_tags


def _create_tags(response: EC2Response) -> ActionResult:
    """EC2 refuses the whole call if one resource does not exist; moto would keep tags for ids of ours that are gone."""
    state = _state(response.ec2_backend)
    _checked(lambda: _check_all_standing(state, response.params.get("Resources") or []))
    return _all_create_tags(response)


def _check_all_standing(state: State, resource_ids: list[str]) -> Record:
    state.prune()
    for resource_id in resource_ids:
        state.check_standing(resource_id)
    return {}


def _paged(enis: list[Any], params: dict[str, Any]) -> Record:
    shown, token = page(enis, params)
    return {"NetworkInterfaces": shown, **({"NextToken": token} if token else {})}


def _own_tags(resource: Any) -> list[dict[str, str]]:
    """A resource's tags by its id. moto goes through the tags of all resources for each one: with 5,000 ENIs a page of
    1,000 took ten seconds."""
    if not resource.id:
        return []
    kind = ec2_utils.EC2_PREFIX_TO_RESOURCE.get(ec2_utils.get_prefix(resource.id), "")
    tags = resource.ec2_backend.tags.get(resource.id, {})
    return [
        {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()
    ]
