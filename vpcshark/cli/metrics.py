"""``vpcshark metrics``: what CloudWatch counted at a gateway, as a table, as JSON, as a dashboard.

Must not know how it is asked.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from vpcshark.aws import client
from vpcshark.aws.monitoring import gateway_metrics
from vpcshark.aws.monitoring.gateway_metrics import Kind, Series
from vpcshark.cli import account, console, statuses
from vpcshark.clock import SystemClock
from vpcshark.flowlogs.wanted import moment

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 24
NO_DATA = "no data"


def run(options: argparse.Namespace) -> int:
    """0: there were counts; 3: CloudWatch has none of that time."""
    now = SystemClock().now()
    begin, end = moment(options.since, now), int(now)
    name, kind = gateway_metrics.kind_of(options.id)
    wanted, _ = account.settled({"profile": options.profile, "region": options.region})
    with console.working("Asking CloudWatch ...") as ask:
        aws = client.connect(wanted.profile, wanted.region, ask)
        found = gateway_metrics.read(aws, options.id, begin, end)
    has_data = any(points for series in found for points in series.values.values())
    if options.dashboard:
        console.write_json(dashboard(found, kind, aws.region))
    elif options.json:
        console.write_json(as_json(name, kind, found, (begin, end)))
    else:
        _show(name, kind, found, (begin, end))
    return statuses.OK if has_data else statuses.EMPTY


def _show(name: str, kind: Kind, found: Sequence[Series], time: tuple[int, int]) -> None:
    """A block for each set of dimensions: its counts, and the main one drawn."""
    out = console.out()
    if not found:
        out.print(f"CloudWatch has no metrics of {name} in {kind.namespace}.")
        return
    table = console.table()
    for column in ("RESOURCE", "ZONE", "METRIC", "COUNT", ""):
        table.add_column(column, no_wrap=True)
    for series in found:
        where = (series.resource, series.zone)
        for metric in kind.names:
            if metric not in series.values:
                continue
            total = series.total(metric)
            counted = NO_DATA if total is None else f"{total:,.0f}"
            drawn = sparkline(series, metric, time) if metric == kind.main or total else ""
            is_bad = bool(total) and any(word in metric for word in ("Drop", "Error", "Rejected", "UnHealthy"))
            table.add_row(*where, metric, console.styled(counted, "bold red" if is_bad else ""), drawn)
            where = ("", "")
    out.print(table)


def sparkline(series: Series, metric: str, time: tuple[int, int]) -> str:
    """The metric over the time, a bar for each part of it; blank where there is no data."""
    begin, end = time
    step = max(60.0, (end - begin) / _WIDTH)
    sums: dict[int, float] = {}
    for stamp, value in series.values.get(metric, {}).items():
        part = int((stamp - begin) / step)
        sums[part] = sums.get(part, 0.0) + value
    most = max(sums.values(), default=0.0)
    count = max(1, round((end - begin) / step))
    return "".join(_BARS[round(sums[part] / most * 7) if most else 0] if part in sums else " " for part in range(count))


def as_json(name: str, kind: Kind, found: Sequence[Series], time: tuple[int, int]) -> dict[str, Any]:
    """What scripts rely on. ``total`` null: CloudWatch has no data."""
    return {
        "schema": 1,
        "id": name,
        "namespace": kind.namespace,
        "begin": time[0],
        "end": time[1],
        "series": [
            {
                "resource": series.resource,
                "zone": series.zone or None,
                "dimensions": dict(series.dimensions),
                "metrics": {
                    metric: {"total": series.total(metric), "points": sorted(points.items())}
                    for metric, points in series.values.items()
                },
            }
            for series in found
        ],
    }


def dashboard(found: Sequence[Series], kind: Kind, region: str) -> dict[str, Any]:
    """The body of a CloudWatch dashboard: a row of two for each resource, bytes and packets, then drops and errors
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html)."""
    widgets = []
    for row, series in enumerate(each for each in found if not each.zone):
        bad = [name for name in kind.names if any(word in name for word in ("Drop", "Error", "Rejected", "UnHealthy"))]
        good = [name for name in kind.names if name not in bad]
        for column, (title, names) in enumerate((("traffic", good), ("drops and errors", bad))):
            flat = [word for pair in series.dimensions for word in pair]
            metrics = [[kind.namespace, name, *flat, *_level(name)] for name in names if name in series.values]
            if metrics:
                properties = {
                    "title": f"{series.resource}: {title}",
                    "region": region,
                    "metrics": metrics,
                    "stat": "Sum",
                    "period": 60,
                    "view": "timeSeries",
                }
                place = {"x": column * 12, "y": row * 6, "width": 12, "height": 6}
                widgets.append({"type": "metric", **place, "properties": properties})
    return {"widgets": widgets}


def _level(name: str) -> list[dict[str, str]]:
    """Of a level the highest is shown; a sum over its samples would be none."""
    return [{"stat": "Maximum"}] if name in gateway_metrics.LEVELS else []
