"""What cloud-init runs of an instance's user data at its first boot: its scripts. Pure.

Of cloud-init's formats the lab's machines know a script and a MIME message of parts, gzipped or not
(https://docs.cloud-init.io/en/latest/explanation/format.html). Must not know what the scripts do.
"""

from __future__ import annotations

import gzip
from email import message_from_string


def as_text(user_data: bytes) -> str:
    """The user data of a request, unpacked."""
    plain = gzip.decompress(user_data) if user_data[:2] == b"\x1f\x8b" else user_data
    return plain.decode("utf-8", "replace")


def scripts(user_data: str) -> list[str]:
    """Its scripts in the order in which they run: that of their names, which are numbers for parts without one."""
    if "mime-version:" not in user_data[:4096].lower():
        return [user_data] if user_data.startswith("#!") else []
    parts = [part for part in message_from_string(user_data).walk() if not part.is_multipart()]
    found = []
    for number, part in enumerate(parts, 1):
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and payload.startswith(b"#!"):
            found.append((part.get_filename() or f"part-{number:03}", payload.decode("utf-8", "replace")))
    return [text for _, text in sorted(found)]
