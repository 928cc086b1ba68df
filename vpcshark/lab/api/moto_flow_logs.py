"""Flow logs in moto as EC2 makes them, whom they cover, and where their records go. Changes moto for the whole process.

moto refuses a folder of a bucket, forgets DestinationOptions, and calls it a failure that a log group is not there yet
(AWS makes it with the first record; VPC user guide, flow-logs-cwl and flow-logs-s3). Must not know who sees packets.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError, FlowLogAlreadyExists
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.responses.flow_logs import FlowLogs

from vpcshark.lab.api.moto_ec2 import TURN
from vpcshark.lab.flow_records import formats
from vpcshark.lab.flow_records.delivery import Events, Object
from vpcshark.lab.flow_records.flow_log import CLOUDWATCH, FIREHOSE, S3, FlowLog
from vpcshark.lab.flow_records.formats import EniFacts
from vpcshark.lab.flow_records.gateway_counts import Gateway, Metric

_create = EC2Backend.create_flow_logs
_respond = FlowLogs.create_flow_logs
_ORDER = (
    *("traffic_type", "deliver_logs_permission_arn", "log_destination_type", "log_destination", "log_group_name"),
    *("log_format", "max_aggregation_interval"),
)
_TRANSIT = ("tgw-", "tgw-attach-")
_ATTACHMENT = re.compile(r"tgw-attach-[0-9a-f]+")
_asked = threading.local()


def install() -> None:
    """Put our answers into moto. Doing it again changes nothing."""
    EC2Backend.create_flow_logs = _create_flow_logs
    FlowLogs.create_flow_logs = _answer


def _answer(response: Any) -> ActionResult:
    """With DestinationOptions, which moto's answer then has as well."""
    _asked.options = response._get_param("DestinationOptions") or {}
    return _respond(response)


def _create_flow_logs(backend: Any, resource_type: str, resource_ids: list[str], *rest: Any, **named: Any) -> Any:
    asked: dict[str, Any] = {**dict.fromkeys(_ORDER), **dict(zip(_ORDER, rest, strict=False)), **named}
    arn = str(asked["log_destination"] or "")
    asked["log_format"] = _checked_format(asked["log_format"], resource_ids)
    if ":log-group:" in arn:
        asked["log_group_name"] = arn.partition(":log-group:")[2].removesuffix(":*")
    if asked["log_destination_type"] == S3:
        asked["log_destination"] = arn.partition("/")[0]
    there = {(each.resource_id, each.log_destination) for each in backend.flow_logs.values()}
    if arn and any((each, arn) in there for each in resource_ids):
        raise FlowLogAlreadyExists
    made, errors = _create(backend, resource_type, resource_ids, **asked)
    for each in made:
        each.log_destination = arn or each.log_destination
        each.deliver_logs_status, each.deliver_logs_error_message = "SUCCESS", None
        each.destination_options = dict(getattr(_asked, "options", {})) or None
        if each.resource_id.startswith(_TRANSIT):
            each.traffic_type = None
    return made, errors


def _checked_format(text: str | None, resource_ids: list[str]) -> str:
    if not text:
        return formats.TRANSIT_DEFAULT if resource_ids[0].startswith(_TRANSIT) else formats.DEFAULT
    try:
        formats.names(text)
    except ValueError as error:
        raise EC2ClientError("InvalidParameter", f"Unknown fields provided: {error}") from None
    return text


class MotoAccount:
    """All accounts and regions; see ``recorder.Account``."""

    def flow_logs(self) -> Mapping[FlowLog, Mapping[str, EniFacts]]:
        """Those that deliver, each with the ENIs that it covers."""
        with TURN:
            return {
                _read(backend, each): {eni.id: _facts(backend, eni) for eni in _covered(backend, each)}
                for regions in list(ec2_backends.values())
                for backend in list(regions.values())
                for each in list(backend.flow_logs.values())
                if each.flow_log_status == "ACTIVE"
            }

    def gateways(self) -> Mapping[str, Gateway]:
        """NAT gateways' and transit gateway attachments' interfaces."""
        with TURN:
            return {
                eni.id: found
                for regions in list(ec2_backends.values())
                for backend in list(regions.values())
                for eni in list(backend.enis.values())
                if (found := _gateway(backend, eni)) is not None
            }

    def count(self, metrics: Sequence[Metric]) -> None:
        """To the account and region that have the gateway."""
        from moto.cloudwatch.models import cloudwatch_backends

        with TURN:
            for each in metrics:
                owner = _owner(each)
                if owner is not None:
                    data = {
                        "MetricName": each.name,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in each.dimensions],
                        "Value": each.value,
                        "Timestamp": utcnow(),
                    }
                    cloudwatch_backends[owner[0]][owner[1]].put_metric_data(each.namespace, [data])

    def deliver(self, parcel: Events | Object, log: FlowLog) -> None:
        """Into moto's log groups and buckets. What is gone takes nothing; a log group comes again."""
        with TURN:
            if isinstance(parcel, Events):
                _put_events(log, parcel)
            else:
                _put_object(log, parcel)


def _gateway(backend: Any, eni: Any) -> Gateway | None:
    """By the description that AWS gives its own interfaces, or the NAT gateway that has it."""
    attachment = _ATTACHMENT.search(eni.description or "")
    if eni.interface_type == "transit_gateway" and attachment and attachment[0] in backend.transit_gateway_attachments:
        transit = backend.transit_gateway_attachments[attachment[0]].transit_gateway_id
        facts = _facts(backend, eni)
        return Gateway(attachment[0], facts.zone, facts.addresses, transit)
    for nat in list(backend.nat_gateways.values()):
        if getattr(nat, "_eni", None) is eni:
            facts = _facts(backend, eni)
            return Gateway(nat.id, facts.zone, facts.addresses)
    return None


def _owner(metric: Metric) -> tuple[str, str] | None:
    """(account, region) of the gateway that the first dimension names."""
    name = metric.dimensions[0][1]
    for account, regions in list(ec2_backends.items()):
        for region, backend in list(regions.items()):
            if name in backend.nat_gateways or name in backend.transit_gateways:
                return str(account), str(region)
    return None


def _read(backend: Any, each: Any) -> FlowLog:
    options = getattr(each, "destination_options", None) or {}
    kind = each.log_destination_type
    arn = str(each.log_destination or "")
    places = {
        CLOUDWATCH: str(each.log_group_name or ""),
        S3: arn.partition(":s3:::")[2],
        FIREHOSE: arn.rpartition("/")[2],
    }
    return FlowLog(
        each.id,
        str(backend.account_id),
        str(backend.region_name),
        kind,
        places[kind],
        tuple(formats.names(each.log_format)),
        float(each.max_aggregation_interval),
        each.traffic_type or "ALL",
        options.get("FileFormat") == "parquet",
        _is_true(options.get("HiveCompatiblePartitions")),
        _is_true(options.get("PerHourPartition")),
        each.resource_id.startswith(_TRANSIT),
    )


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _covered(backend: Any, each: Any) -> Iterator[Any]:
    for eni in list(backend.enis.values()):
        attachment = _ATTACHMENT.search(eni.description or "") if eni.interface_type == "transit_gateway" else None
        mine = {eni.id, eni.subnet.id, eni.subnet.vpc_id, *([attachment[0]] if attachment else [])}
        if attachment and attachment[0] in backend.transit_gateway_attachments:
            mine.add(backend.transit_gateway_attachments[attachment[0]].transit_gateway_id)
        if each.resource_id in mine and (eni.instance is None or eni.instance.state != "terminated"):
            yield eni


def covered(backend: Any) -> dict[str, str]:
    """ENI -> VPC, of those that a flow log of a VPC, a subnet or an ENI covers."""
    logs = [each for each in list(backend.flow_logs.values()) if each.flow_log_status == "ACTIVE"]
    enis = [eni for each in logs if not each.resource_id.startswith(_TRANSIT) for eni in _covered(backend, each)]
    return {each.id: each.subnet.vpc_id for each in enis}


def _facts(backend: Any, eni: Any) -> EniFacts:
    ipv6 = [each if isinstance(each, str) else str(each.get("Ipv6Address")) for each in eni.ipv6_addresses]
    ipv4 = [str(each.get("PrivateIpAddress")) for each in eni.private_ip_addresses]
    has_instance = eni.instance is not None and not eni.requester_managed
    return EniFacts(
        eni.id,
        str(backend.account_id),
        str(backend.region_name),
        eni.subnet.vpc_id,
        eni.subnet.id,
        str(getattr(eni.subnet, "availability_zone_id", "")),
        eni.instance.id if has_instance else "",
        eni.interface_type,
        str(eni.private_ip_address or ""),
        ipv6[0] if ipv6 else "",
        (*ipv4, *ipv6),
        tuple(blocks(backend, eni.subnet.vpc_id)),
    )


def blocks(backend: Any, vpc: str) -> list[str]:
    """The CIDR blocks of a VPC, of both families."""
    found = backend.get_vpc(vpc)
    sets = (found.get_cidr_block_association_set(), found.get_cidr_block_association_set(ipv6=True))
    return [str(each["cidr_block"]) for one in sets for each in one]


def _put_events(log: FlowLog, parcel: Events) -> None:
    from moto.cloudwatch.models import cloudwatch_backends
    from moto.logs.models import logs_backends

    logs = logs_backends[log.account][log.region]
    if parcel.group not in logs.groups:
        logs.create_log_group(parcel.group, {})
    logs.ensure_log_stream(parcel.group, parcel.stream)
    events = [{"timestamp": stamp, "message": text} for stamp, text in parcel.rows]
    logs.put_log_events(parcel.group, parcel.stream, events)
    size = sum(len(text) + 26 for _, text in parcel.rows)  # 26: the overhead that AWS counts of each event
    metric = {
        "MetricName": "IncomingBytes",
        "Dimensions": [{"Name": "LogGroupName", "Value": parcel.group}],
        "Value": size,
        "Timestamp": utcnow(),
    }
    cloudwatch_backends[log.account][log.region].put_metric_data("AWS/Logs", [metric])


def _put_object(log: FlowLog, parcel: Object) -> None:
    from moto.s3.models import s3_backends

    bucket, key = parcel.bucket, parcel.key
    if not bucket:
        found = _stream_bucket(log)
        if found is None:
            return
        bucket, key = found[0], found[1] + key
    buckets = s3_backends[log.account]["aws"]
    if bucket in buckets.buckets:
        buckets.put_object(bucket, key, parcel.data)


def _stream_bucket(log: FlowLog) -> tuple[str, str] | None:
    """(bucket, prefix) of a delivery stream that writes to S3."""
    from moto.firehose.models import firehose_backends

    stream = firehose_backends[log.account][log.region].delivery_streams.get(log.destination)
    places = [each for destination in (stream.destinations if stream else []) for each in destination.values()]
    told = next((each for each in places if isinstance(each, dict) and each.get("BucketARN")), None)
    return (str(told["BucketARN"]).rpartition(":")[2], str(told.get("Prefix") or "")) if told else None
