"""The talk with a mirror's process: one question at a time, each answered once it is in force.

Must not know where its ports are.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from vpcshark.errors import VpcsharkError
from vpcshark.lab.vpc.worker import Worker


class MirrorProcess:
    """One ``mirror`` that runs as ``worker``."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._lock = threading.Lock()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Its answer (``mirror.Control``). VpcsharkError where it failed."""
        with self._lock:
            self._worker.say(json.dumps(request))
            answer: dict[str, Any] = json.loads(self._worker.hear())
        if "error" in answer:
            raise VpcsharkError(f"The lab's mirror failed: {answer['error']}.")
        return answer
