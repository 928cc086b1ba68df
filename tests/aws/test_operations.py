"""Every call that we make, held against botocore's own model of EC2, offline."""

from __future__ import annotations

import re
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from vpcshark.aws import kinds
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import resources

ID = {"TrafficMirrorTargetId": "tmt-1", "TrafficMirrorFilterId": "tmf-1", "TrafficMirrorSessionId": "tms-1"}
ANSWERS: dict[str, Any] = {
    "create_traffic_mirror_target": {"TrafficMirrorTarget": ID},
    "create_traffic_mirror_filter": {"TrafficMirrorFilter": ID},
    "create_traffic_mirror_session": {"TrafficMirrorSession": {**ID, "SessionNumber": 1}},
    "describe_network_interfaces": {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Attachment": {}}]},
    "describe_instances": {"Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": "running"}}]}]},
}


class Recorder:
    """EC2 that remembers what it was asked: (operation, parameters)."""

    meta = None  # a client of nobody's: pages are asked for without a size

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.asked.append((operation, parameters))
            return ANSWERS.get(operation, {})

        return call

    def get_paginator(self, operation: str) -> Any:
        """A paginator that gives one page."""
        recorder = self

        class Paginator:
            def paginate(self, PaginationConfig: dict[str, int], **parameters: Any) -> list[Any]:
                sizes = {"MaxResults": PaginationConfig["PageSize"]}
                return [getattr(recorder, operation)(**sizes, **parameters)]

        return Paginator()


def everything() -> list[tuple[str, dict[str, Any]]]:
    """What all functions of the room ask, with every parameter given."""
    ec2: Any = Recorder()
    labels = {"vpcshark:capture": "c"}
    rule = resources.Rule(1, "ingress", "reject", 6, source_ports=(1, 2), destination_ports=(3, 4))
    resources.create_target(ec2, "eni-1", labels, "t", description="d")
    resources.create_filter(ec2, labels, "t", description="d")
    resources.create_rules(ec2, "tmf-1", [rule])
    resources.allow_dns(ec2, "tmf-1")
    ids = {"source": "eni-1", "target": "tmt-1", "filter_id": "tmf-1"}
    resources.create_session(ec2, **ids, number=1, tags=labels, token="t", vni=7, packet_length=64, description="d")
    resources.sessions_of(ec2, "eni-1")
    kinds.tagged(ec2, kinds.MIRRORING, "vpcshark:capture")
    for kind in ("session", "filter", "target"):
        kinds.delete(ec2, kind, "x")
    interfaces.list_enis(ec2)
    interfaces.find_eni(ec2, "eni-00000001")
    capture_hosts.list_hosts(ec2)
    capture_hosts.find_host(ec2, "i-00000001")
    return list(ec2.asked)


MODEL = botocore.session.get_session().get_service_model("ec2")
OPERATIONS = {xform_name(name): name for name in MODEL.operation_names}


@pytest.mark.parametrize(
    ("operation", "parameters"), everything(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_call_fits_the_model(operation: str, parameters: dict[str, Any]) -> None:
    """The operation exists, every parameter is known and of the right type, none that is required is missing."""
    shape = MODEL.operation_model(OPERATIONS[operation]).input_shape
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()


def test_a_filter_is_one_that_aws_documents() -> None:
    """A filter that AWS does not know is an error there, and may be ignored elsewhere."""
    filtered = [(op, f["Name"]) for op, parameters in everything() for f in parameters.get("Filters", [])]
    assert filtered
    for operation, name in filtered:
        shape = MODEL.operation_model(OPERATIONS[operation]).input_shape
        assert f"<code>{name}</code>" in shape.members["Filters"].documentation


def test_tags_are_for_the_resource_that_is_created() -> None:
    """A TagSpecification with another resource type makes EC2 refuse the call."""
    tagged = {op: p["TagSpecifications"][0]["ResourceType"] for op, p in everything() if "TagSpecifications" in p}
    assert tagged == {
        f"create_traffic_mirror_{kind}": f"traffic-mirror-{kind}" for kind in ("target", "filter", "session")
    }
    known = MODEL.shape_for("ResourceType").enum
    assert set(tagged.values()) <= set(known)


def test_every_create_of_a_tagged_resource_bears_a_token() -> None:
    """So that it can be repeated after a lost answer."""
    assert all("ClientToken" in p for op, p in everything() if "TagSpecifications" in p)


def test_the_paginated_describes_have_paginators() -> None:
    """botocore knows how to page each of them."""
    pages = botocore.session.get_session().get_paginator_model("ec2")
    for operation, parameters in everything():
        if "MaxResults" in parameters:
            assert pages.get_paginator(OPERATIONS[operation])["result_key"]


def test_the_protocol_lists_each_call() -> None:
    """``client.Ec2`` shows at a glance what we ask of EC2; the IAM policies are written from it."""
    import inspect

    from vpcshark.aws import client

    text = inspect.getsource(client.Ec2)
    for operation, _ in everything():
        kind = operation.rpartition("_")[2]
        assert operation in text or re.search(rf"describe_traffic_mirror_\{{.*{kind}.*\}}", text), operation


def test_the_source_is_an_eni() -> None:
    """The recorder's answers make real objects."""
    assert isinstance(interfaces.find_eni(Recorder(), "eni-00000001"), Eni)  # type: ignore[arg-type]
