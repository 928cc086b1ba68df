"""The second reader: what tshark says of the application layer of suspicious connections, as columns of text.

It reads more protocols than ``readers``, and puts streams together. Of TCP it is asked nothing: its notes about
sequence numbers are no verdicts. Must not know processes or files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from vpcshark.diagnose.finding import LIKELY, Finding, Frame, filter_of
from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.report import Report, explained, ranked
from vpcshark.text import cut, line, many

MOST_FLOWS = 200
Ends = frozenset[tuple[bytes, int]]
_RELEVANT = ("slow-server", "slow-client", "reset-by", "tls-", "http-", "dns-", "rtp-", "idle-timeout", "zero-window")
_COLUMNS = (
    ("HTTP request", "http.request.method"),
    ("HTTP status", "http.response.code"),
    ("for", "http.request.uri"),
    ("HTTP/2 status", "http2.headers.status"),
    ("gRPC status", "grpc.status_code"),
    ("DNS name", "dns.qry.name"),
    ("DNS answer code", "dns.flags.rcode"),
    ("TLS server name", "tls.handshake.extensions_server_name"),
    ("TLS alert", "tls.alert_message.desc"),
    ("SIP status", "sip.Status-Code"),
    ("MySQL error", "mysql.error.message"),
    ("PostgreSQL error", "pgsql.message"),
    ("Redis", "redis.error"),
    ("SMB status", "smb2.nt_status"),
    ("LDAP result", "ldap.resultCode"),
    ("MQTT return code", "mqtt.conack.val"),
)
"""What each is called, and the field. A tshark that does not know one leaves its column empty. 4.4
shows a request's URI at its answer, too; 4.0 does not."""
_QUIET = {"0", "0x00000000", "0x0", "No error (0)", "success"}
_FAILED = {"502": "http-502", "504": "http-504"}
_MOST_SAID = 4


class Row(NamedTuple):
    """What tshark reads in one packet: (what it is called, its value), in order of ``_COLUMNS``."""

    number: int
    protocol: str
    values: tuple[tuple[str, str], ...]


def arguments(file: str) -> list[str]:
    """What tshark gets: one pass over ``file``, columns, and heuristics for TLS and RTP on any port."""
    columns = [("Number", "%m"), ("Protocol", "%p"), *((field, f"%Cus:{field}:0:U") for _, field in _COLUMNS)]
    listed = ",".join(f'"{name}","{what}"' for name, what in columns)
    heuristics = [word for name in ("tls_tcp", "rtp_udp") for word in ("--enable-heuristic", name)]
    return ["-n", "-r", file, "-T", "tabs", "-o", f"gui.column.format:{listed}", *heuristics]


def rows(text: str) -> Iterator[Row]:
    """Its output; lines that are none are passed over."""
    for each in text.split("\n"):
        cells = each.split("\t")
        if len(cells) != len(_COLUMNS) + 2 or not cells[0].strip().isdecimal():
            continue
        values = tuple(
            (name, cut(line(cell.strip()), 80))
            for (name, _), cell in zip(_COLUMNS, cells[2:], strict=True)
            if cell.strip() and cell.strip() not in _QUIET
        )
        yield Row(int(cells[0]), line(cells[1].strip()), values)


def suspicious(report: Report) -> list[Flow]:
    """Connections whose findings the application layer may explain."""
    found = [each for each in report.findings if each.kind.startswith(_RELEVANT)]
    return list(dict.fromkeys(flow for each in found for flow in each.flows))[:MOST_FLOWS]


def ends_of(flow: Flow) -> Ends:
    """Both ends, whatever the direction."""
    return frozenset(((flow.source, flow.source_port), (flow.target, flow.target_port)))


def joined(report: Report, read: Mapping[Frame, Row], flows: Mapping[Frame, Flow], name: str) -> Report:
    """The report with what ``name`` read beside its findings: ``flows`` says of what connection each frame is."""
    by_ends: dict[Ends, list[tuple[Frame, Row]]] = {}
    for frame, row in sorted(read.items()):
        if row.values and frame in flows:
            by_ends.setdefault(ends_of(flows[frame]), []).append((frame, row))
    found = [_with(each, by_ends, name) for each in report.findings]
    known = {(each.kind, ends_of(flow)) for each in found for flow in each.flows}
    for ends, said in by_ends.items():
        found += [each for each in _failures(said, flows, name) if (each.kind, ends) not in known]
    remark = f"{name} read the application layer of {many(len(read), 'packet')} of suspicious connections"
    return replace(report, findings=tuple(ranked(explained(found))), remarks=(*report.remarks, remark))


def _with(finding: Finding, by_ends: Mapping[Ends, Sequence[tuple[Frame, Row]]], name: str) -> Finding:
    if not finding.kind.startswith(_RELEVANT):
        return finding
    said = [each for flow in finding.flows[:_MOST_SAID] for each in by_ends.get(ends_of(flow), ())][:_MOST_SAID]
    if not said:
        return finding
    told = "; ".join(f"frame {frame.number}: {_words(row)}" for frame, row in said)
    return replace(finding, checked=(*finding.checked, f"{name} reads there: {told}."))


def _words(row: Row) -> str:
    return f"{row.protocol}, " + ", ".join(f"{called} {value}" for called, value in row.values)


def _failures(said: Iterable[tuple[Frame, Row]], flows: Mapping[Frame, Flow], name: str) -> Iterator[Finding]:
    """Answers that say it themselves, whose beginning is not the beginning of a packet."""
    asked: Frame | None = None
    for frame, row in said:
        values = dict(row.values)
        if "HTTP request" in values:
            asked = frame
        code = values.get("HTTP status") or values.get("HTTP/2 status") or ""
        if code in _FAILED:
            flow = flows[frame].reversed()
            frames = tuple(each for each in (asked, frame) if each is not None)
            sentence = f"{flow.server} answers {flow.client} with {code}, as {name} reads it from the stream."
            checked = ("The status line does not begin a packet: our own reader does not see it.",)
            advice = "Capture at the target's ENI: did the request arrive, and what does the service wait for?"
            cause = (_FAILED[code], flow.target, flow.target_port)
            shown = filter_of([flow])
            yield Finding(_FAILED[code], LIKELY, sentence, (flow,), frames, checked, advice, shown, 1.0, cause)
