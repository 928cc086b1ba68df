"""``vpcshark flowlogs``: what flow logs say. Must not know how records are read."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from vpcshark.cli import console, statuses
from vpcshark.flowlogs import logformat, match, records
from vpcshark.flowlogs.replies import Replies
from vpcshark.flowlogs.scan import Row
from vpcshark.text import line

_PIECE = 1 << 18
_REMARKS = ("traffic-path", "srcaddr", "dstaddr", "encryption-status", "rejected-by")


def run(options: argparse.Namespace) -> int:
    """Do what the sub-command says."""
    actions: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "show": _show,
        "pcap": _pcap,
        "where": _where,
        "read": _read,
    }
    return actions[options.action](options)


def _files(options: argparse.Namespace) -> Any:
    from vpcshark.cli.flowfiles import Files

    kind = logformat.parse(options.log_format) if options.log_format else None
    return Files(options.files, kind, match.parse(options.match) if options.match else None, _remark)


def _remark(text: str) -> None:
    sys.stderr.write(f"vpcshark: {line(text)}\n")


def _show(options: argparse.Namespace) -> int:
    """Each record as it comes: files may be larger than memory."""
    files = _files(options)
    count = tell(files.rows(), options.json)
    if options.match and not count:
        _remark(_nothing(files))
    return statuses.OK


def tell(rows: Iterable[Row], is_json: bool) -> int:
    """Each row on a line, or as an object; how many there were."""
    count, replies = 0, Replies()
    for kind, row in rows:
        record = records.typed(kind, row)
        meant = records.meaning(record) | replies.meaning(record)
        count += 1
        if is_json:
            console.write_json_line({**record, "meaning": meant})
        else:
            console.write_line(_told(record, meant))
    return count


def _read(options: argparse.Namespace) -> int:
    from vpcshark.cli import flowreads

    return flowreads.run(options, _remark)


def _pcap(options: argparse.Namespace) -> int:
    """All records of the files, or of one flow, as frames of one file, in the order in which they come."""
    files = _files(options)
    count = write_frames(files.rows(), options.write)
    if not count:
        _remark(_nothing(files) if options.match else "No record has a frame.")
    return statuses.OK if count else statuses.EMPTY


def write_frames(rows: Iterable[Row], path: str) -> int:
    """The rows as frames of a file; how many frames there are. Nothing of the file stays where it goes wrong."""
    from vpcshark.capture.contract.sink import SinkClosed
    from vpcshark.cli.outfile import OutFile

    out = OutFile(path)
    try:
        sink, count = out.open(), 1  # who stops reading has seen enough
        with contextlib.closing(sink), contextlib.suppress(SinkClosed):
            count = _write(rows, sink.write)
        out.keep()
    finally:
        out.drop()
    return count


def _write(rows: Iterable[Row], write: Callable[[bytes], None]) -> int:
    """How many frames there are."""
    from vpcshark.flowlogs.frames import Frames

    frames = Frames()
    pending, size = [frames.begin()], 0
    for kind, row in rows:
        blocks = frames.of(kind, row)
        pending.append(blocks)
        size += len(blocks)
        if size > _PIECE:
            write(b"".join(pending))
            pending, size = [], 0
    write(b"".join([*pending, frames.end()]))
    return sum(each.frames for each in frames.interfaces.values())


def _where(options: argparse.Namespace) -> int:
    """0: a flow log delivers all records of the place; 1: none does."""
    from vpcshark.aws import client
    from vpcshark.aws.monitoring import flow_logs
    from vpcshark.cli import account
    from vpcshark.flowlogs import cover

    wanted, _ = account.settled({"profile": options.profile, "region": options.region})
    with console.working("Asking AWS about flow logs ...") as ask:
        place, logs = flow_logs.covering(client.connect(wanted.profile, wanted.region, ask), options.id)
    said = cover.as_json(place, logs)
    if options.json:
        console.write_json(said)
    else:
        _show_cover(said)
    return statuses.OK if said["covered"] else statuses.FAILED


def _show_cover(said: Mapping[str, Any]) -> None:
    for log in said["flow-logs"]:
        since = f", since {log['since']}" if log["since"] else ""
        console.write_line(
            f"{log['id']}  of {log['covers']} {log['resource']}: {log['traffic']} to {log['destination']} "
            f"({log['destination-type']}), each {log['interval']} s, {log['status']}, delivery {log['delivery']}{since}"
        )
        console.write_line(f"  format: {log['format']}")
        for problem in log["problems"]:
            console.write_line(f"  {problem}")
    for sentence in said["missing"]:
        console.write_line(sentence)
    if said["command"]:
        console.write_line(f"This would make one (nothing was made): {said['command']}")


def _nothing(files: Any) -> str:
    text = "No record is of this flow."
    if any("pkt-srcaddr" not in kind.places for kind in files.formats):
        text += " These records have no pkt-srcaddr and pkt-dstaddr: interfaces on the way show their own address."
    return text


def _told(record: Mapping[str, Any], meant: Mapping[str, Any]) -> str:
    """One record on one line: when, where, what became of it, who with whom, how much, and what that means."""
    words = [
        _time(record.get("start")),
        str(record.get("interface-id") or record.get("tgw-attachment-id") or record.get("resource-id") or "-"),
        str(record.get("flow-direction") or "-"),
        str(record.get("action") or record.get("log-status") or "-"),
        meant.get("flow", "-").replace(">", " > "),
        _protocol(record.get("protocol")),
        *(f"{record[name]} {name}" for name in ("packets", "bytes") if record.get(name) is not None),
        " ".join(meant.get("tcp-flags", [])),
    ]
    more = [meant[name] for name in _REMARKS if name in meant]
    if record.get("log-status") not in ("OK", None):
        more.append(meant["verdict"])
    return "  ".join(filter(None, [*words, "; ".join(more)]))


def _time(seconds: object) -> str:
    try:
        return datetime.fromtimestamp(int(str(seconds)), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "-"


def _protocol(number: object) -> str:
    names = {value: name for name, value in match.PROTOCOLS.items()}
    return names.get(number, str(number)) if isinstance(number, int) else "-"
