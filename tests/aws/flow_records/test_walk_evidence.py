"""``vpcshark walk --evidence`` from the command line, with the lab's walk, its flow log and its log group."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from vpcshark.cli.main import run
from vpcshark.flowlogs.cover import WIDE
from vpcshark.flowlogs.logformat import text

GROUP = "/of/the/evidence"


def test_a_walk_is_told_with_what_its_records_show(aws: Any, enis: Any, capsys: Any, tmp_path: Path):
    """On the screen, as JSON and on its page; the status stays the walk's."""
    source, target = enis["web-1 eth0"], enis["db-1 eth0"]
    facts = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=[source["id"]])["NetworkInterfaces"][0]
    logs, now = aws.client("logs"), int(time.time())
    logs.create_log_group(logGroupName=GROUP)
    said = {"LogGroupName": GROUP, "DeliverLogsPermissionArn": "arn:aws:iam::123456789012:role/flow"}
    made = aws.ec2.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[facts["VpcId"]],
        TrafficType="ALL",
        LogFormat=text(WIDE),
        MaxAggregationInterval=60,
        **said,
    )["FlowLogIds"]
    try:
        for eni in (source["id"], target["id"]):
            logs.create_log_stream(logGroupName=GROUP, logStreamName=f"{eni}-all")
            ends = {"srcaddr": source["ipv4"], "dstaddr": target["ipv4"], "interface-id": eni, "action": "ACCEPT"}
            rest = {"srcport": 40000, "dstport": 80, "protocol": 6, "packets": 2, "bytes": 100, "log-status": "OK"}
            values = {**ends, **rest, "start": now - 900, "end": now - 841}
            line = " ".join(str(values.get(name, "-")) for name in WIDE)
            events = [{"timestamp": (now - 900) * 1000, "message": line}]
            logs.put_log_events(logGroupName=GROUP, logStreamName=f"{eni}-all", logEvents=events)
        asked = ["walk", source["id"], f"{target['id']}:80", "--evidence", "--region", aws.region]
        status = run([*asked, "--json"])
        found = json.loads(capsys.readouterr().out)
        assert status == {"reachable": 0, "blocked": 1, "unknown": 3}[found["verdict"]]
        there = [each for each in found["evidence"]["points"] if each["direction"] == "forward"]
        assert [(each["resource"], each["status"]) for each in there] == [
            (source["id"], "seen"),
            (target["id"], "seen"),
        ]
        assert run([*asked, "--html", str(tmp_path / "page.html")]) == status
        assert "Evidence of flow logs" in capsys.readouterr().out
        page = (tmp_path / "page.html").read_text("utf-8")
        assert page.count('<tr class="seen">') == sum(each["status"] == "seen" for each in found["evidence"]["points"])
    finally:
        aws.ec2.delete_flow_logs(FlowLogIds=made)
        logs.delete_log_group(logGroupName=GROUP)
