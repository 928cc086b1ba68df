"""The sweep that a clock starts: an AWS Lambda handler, and the same for cron. Removes anybody's captures whose lease
ran out, in the account and region of its credentials; keeps no files. docs/cleanup.md shows how to set it up.
"""

from __future__ import annotations

from typing import Any

from vpcshark.cleanup import report
from vpcshark.clock import SystemClock


def handler(event: Any = None, context: Any = None) -> dict[str, Any]:
    """Lambda's entry: ``vpcshark.cleanup.scheduled.handler``. Returns what it removed, and a sentence for each resource
    that has a capture's tags alone, which it left; raises VpcsharkError for what
    could not be, so that Lambda counts it as an error and an alarm can see it."""
    from vpcshark.cleanup.account import reach
    from vpcshark.errors import VpcsharkError

    done = report.clean(reach("", ""), "expired", reach=reach, clock=SystemClock())
    if done.problems:
        raise VpcsharkError(" ".join(done.problems), "The next run tries again.")
    removed = {capture: [r.id for r in found] for capture, found in done.removed.items()}
    return {"removed": removed, "unproved": done.unproved}
