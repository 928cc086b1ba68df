"""What Data Firehose delivers of flow logs: where its files lie, and their lines. Pure.

Each record is an object, {"message":"2 123456789012 eni-…"}, and nothing need stand between two. A file's name has the
stream's and the time at which its oldest record came in, UTC unless the stream says otherwise
(https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html, s3-prefixes.html). Must not know S3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from vpcshark.flowlogs.cover import FlowLog
from vpcshark.flowlogs.wanted import Wanted

START = b'{"message"'
_PLAIN = re.compile(rb'\{"message":\s*"([^"\\]*)"\}')
_DECODER, _BLANKS = json.JSONDecoder(), re.compile(r"\s*")
_STAMP = re.compile(r"-\d+-(\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)-[0-9a-f-]+[^/]*$")
_EXPRESSION = re.compile(r"!\{([^}]*)\}")
_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M"}
_LATE = 2 * 3600
"""Seconds that a record may have waited: for its interval's end, for delivery, and in the stream's buffer."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Delivered:
    """A delivery stream's place in S3; has the shape of ``objects.Layout``. ``prefix`` as the stream has it."""

    log: FlowLog
    bucket: str
    prefix: str = ""

    def prefixes(self, wanted: Wanted, now: float) -> Iterator[str]:
        """One an hour, the newest first, as far as the stream's prefix tells of time."""
        hour = _hour(min(wanted.end + _LATE, now))
        first, seen = _hour(wanted.begin), set()
        while hour >= first:
            found = _evaluated(self.prefix, hour)
            if found not in seen:
                yield found
            seen.add(found)
            hour -= _HOUR

    def is_in(self, key: str, wanted: Wanted) -> bool:
        """May the file have records of that time, by its name?"""
        found = _STAMP.search(key)
        if found is None:
            return False
        stamp = datetime.strptime(found[1], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=timezone.utc).timestamp()
        return wanted.begin <= stamp <= wanted.end + _LATE


def _evaluated(prefix: str, hour: datetime) -> str:
    """The prefix in that hour, as far as only time decides it."""
    if "!{" not in prefix:
        return f"{prefix}{hour:%Y/%m/%d/%H/}"
    said, at = "", 0
    for found in _EXPRESSION.finditer(prefix):
        said += prefix[at : found.start()]
        space, _, form = found[1].partition(":")
        if space != "timestamp":
            return said
        for java, own in _JAVA.items():
            form = form.replace(java, own)
        if re.search(r"%M|(?<!%)[A-Za-z]", form.replace("'", "")):
            return said
        said += hour.strftime(form.replace("'", ""))
        at = found.end()
    return said + prefix[at:]


def _hour(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds) // 3600 * 3600, timezone.utc)


def unwrapped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of the records. What is no such object becomes a line as it is, so that it is counted as unreadable."""
    rest = b""
    for data in blocks:
        block = rest + data
        end = block.rfind(b"}") + 1
        rest = block[end:]
        yield _lines(block[:end])
    yield _lines(rest)


def _lines(block: bytes) -> bytes:
    plain = _PLAIN.sub(rb"\1\n", block)
    return plain if START not in plain else b"".join(each + b"\n" for each in _taken_apart(block))


def _taken_apart(block: bytes) -> Iterator[bytes]:
    """The long way, where an object has escapes or other members."""
    text, at = block.decode("utf-8", "replace").lstrip(), 0
    while at < len(text):
        try:
            found, end = _DECODER.raw_decode(text, at)
        except ValueError:
            yield text[at:].encode()
            return
        message = found.get("message") if isinstance(found, dict) else None
        yield (message if isinstance(message, str) else text[at:end]).encode()
        at = _BLANKS.match(text, end).end()  # type: ignore[union-attr]
