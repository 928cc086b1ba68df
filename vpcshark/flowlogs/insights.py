"""The query of CloudWatch Logs Insights that finds records: the LogFormat as ``parse``, what is wanted as ``filter``.

Fields are discovered in records of the default format alone, so every query parses. Syntax:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. Must not know who asks.
"""

from __future__ import annotations

from vpcshark.flowlogs import match
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.flowlogs.wanted import COLUMNS, Wanted

MOST = 10_000
"""Rows of one answer."""


def query(kind: LogFormat, wanted: Wanted, most: int = MOST) -> str:
    """The newest ``most`` records. InputError where the format lacks what is wanted."""
    wanted.test(kind)
    names = [_field(name) for name in kind.names]
    stars = " ".join("*" for _ in names)
    tests = [each for each in (_of_resources(kind, wanted), _of_flows(kind, wanted)) if each]
    return "\n".join(
        [
            "fields @timestamp, @message",
            f'| parse @message "{stars}" as {", ".join(names)}',
            *([f"| filter {' and '.join(tests)}"] if tests else []),
            "| sort @timestamp desc",
            f"| limit {most}",
        ]
    )


def _field(name: str) -> str:
    return name.replace("-", "_")


def _of_resources(kind: LogFormat, wanted: Wanted) -> str:
    if not wanted.resources:
        return ""
    ids = ", ".join(f'"{each}"' for each in wanted.resources)
    return _any([f"{_field(name)} in [{ids}]" for name in COLUMNS if name in kind.places])


def _of_flows(kind: LogFormat, wanted: Wanted) -> str:
    found = [" and ".join(_of_flow(kind, flow)) or "1 = 1" for flow in wanted.flows]
    if found and wanted.has_gaps and "log-status" in kind.places:
        found.append('log_status in ["NODATA", "SKIPDATA"]')
    return _any(found)


def _of_flow(kind: LogFormat, flow: match.Flow) -> list[str]:
    ends = [
        _any([_in(_field(each), network) for each in (f"pkt-{name}", name) if each in kind.places])
        for name, network in flow.ends.items()
    ]
    return [*ends, *(f"{_field(name)} = {number}" for name, number in flow.ports.items())]


def _in(name: str, network: match.Network) -> str:
    """An address is compared as text, but IPv6 has several for one."""
    if network.version == 4 and network.num_addresses == 1:
        return f'{name} = "{network.network_address}"'
    return f'isIpv{network.version}InSubnet({name}, "{network}")'


def _any(tests: list[str]) -> str:
    return tests[0] if len(tests) == 1 else "(" + " or ".join(f"({each})" for each in tests) + ")" if tests else ""
