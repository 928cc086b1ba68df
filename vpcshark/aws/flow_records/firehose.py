"""The bucket that a flow log's delivery stream of Data Firehose writes to. Must not know what records are for."""

from __future__ import annotations

from typing import Any

from vpcshark.aws.client import Aws
from vpcshark.aws.errors import mapped
from vpcshark.errors import InputError
from vpcshark.flowlogs.cover import FlowLog
from vpcshark.flowlogs.delivered import Delivered

_READABLE = ("UNCOMPRESSED", "GZIP", None)
_ADVICE = "Read them where the stream delivers them; files of S3 are read by: vpcshark flowlogs show FILE"


def place(aws: Aws, log: FlowLog) -> Delivered:
    """Where its files lie. AwsError; InputError where the stream writes elsewhere, or so that nobody here can read."""
    name = log.destination.rpartition("/")[2]
    with mapped(f"ask where the delivery stream {name} writes", service="firehose"):
        said = aws.client("firehose").describe_delivery_stream(DeliveryStreamName=name)
    found = [each for each in map(_bucket, said["DeliveryStreamDescription"].get("Destinations", [])) if each]
    if not found:
        raise InputError(f"The delivery stream {name} of {log.id} does not write to S3.", _ADVICE)
    where = found[0]
    if where.get("CompressionFormat") not in _READABLE:
        raise InputError(f"The delivery stream {name} packs its files with {where['CompressionFormat']}.", _ADVICE)
    if (where.get("DataFormatConversionConfiguration") or {}).get("Enabled"):
        raise InputError(f"The delivery stream {name} converts records to another format.", _ADVICE)
    return Delivered(log, str(where["BucketARN"]).rpartition(":")[2], str(where.get("Prefix") or ""))


def _bucket(destination: Any) -> Any:
    return destination.get("ExtendedS3DestinationDescription") or destination.get("S3DestinationDescription")
