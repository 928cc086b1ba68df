"""EventBridge Scheduler as far as a stack's deadline needs it: what is due is done by the role that a schedule names.

moto keeps schedules and does nothing. Also the kinds of resources of a stack that are no network: schedules, budgets,
log groups. Must not know what a schedule is for.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.scheduler.models import scheduler_backends
from moto.sts.models import sts_backends

from vpcshark.lab.api.moto_stack_network import Made, Making, Properties

_log = logging.getLogger(__name__)
_LOOK = 1.0  # seconds between looks at what is due
_TARGET = re.compile(r"arn:[\w-]+:scheduler:::aws-sdk:(\w+):(\w+)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")


class Schedules:
    """Those of the account behind ``endpoint``, from their making to ``close``."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._ahead = 0.0
        self._done: set[int] = set()
        self._is_closed, self._woken = False, threading.Event()
        threading.Thread(target=self._run, name="lab-schedules", daemon=True).start()

    def close(self) -> None:
        """Nothing is done any more."""
        self._is_closed = True
        self._woken.set()

    def control(self, ahead: float) -> Mapping[str, Any]:
        """It is ``ahead`` seconds later for schedules; what is due then is begun at once."""
        self._ahead = ahead
        self._woken.set()
        return {}

    def _run(self) -> None:
        while not self._is_closed:
            self._woken.wait(_LOOK)
            self._woken.clear()
            self._do_due()

    def _do_due(self) -> None:
        now = datetime.now(timezone.utc) + timedelta(seconds=self._ahead)
        due = [one for one in _schedules() if id(one) not in self._done and _is_due(one, now)]
        self._done |= {id(one) for one in due}
        for one in due:
            try:
                self._do(one)
            except Exception:  # noqa: BLE001 - the others are still to be done
                _log.exception("the schedule %s is not done", one.name)

    def _do(self, schedule: Any) -> None:
        target = schedule.target
        found = _TARGET.fullmatch(target["Arn"])
        if found is None:
            raise ValueError(f"no such target: {target['Arn']}")
        _log.info("the schedule %s calls %s", schedule.name, found[2])
        key, secret, token = _keys(target["RoleArn"])
        session: Any = boto3.session.Session(key, secret, token, region_name=schedule.arn.split(":")[3])
        client = session.client(found[1], endpoint_url=self._endpoint)
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", found[2]).lower()
        getattr(client, method)(**json.loads(target.get("Input") or "{}"))


def _schedules() -> Iterator[Any]:
    for backend in list(scheduler_backends[DEFAULT_ACCOUNT_ID].values()):
        for group in list(backend.schedule_groups.values()):
            yield from list(group.schedules.values())


def _is_due(schedule: Any, now: datetime) -> bool:
    found = _AT.fullmatch(schedule.schedule_expression)
    return found is not None and datetime.fromisoformat(found[1]).replace(tzinfo=timezone.utc) <= now


def _keys(role: str) -> tuple[str, str, str]:
    """Of a session of the role: access key id, secret, token."""
    made = sts_backends[DEFAULT_ACCOUNT_ID]["aws"].assume_role("us-east-1", "scheduler", role, None, 3600, None)
    return made.access_key_id, made.secret_access_key, made.session_token


def _make_schedule(scheduler: Any, name: str, properties: Properties) -> Made:
    asked = {"Name": name, **properties}
    return asked["Name"], {"Arn": scheduler.create_schedule(**asked)["ScheduleArn"]}


def _make_budget(budgets: Any, name: str, properties: Properties) -> Made:
    told = properties.pop("NotificationsWithSubscribers", None)
    more = {"NotificationsWithSubscribers": told} if told else {}
    budget = properties["Budget"]
    budget["BudgetLimit"]["Amount"] = str(budget["BudgetLimit"]["Amount"])
    budgets.create_budget(AccountId=DEFAULT_ACCOUNT_ID, Budget=budget, **more)
    return budget["BudgetName"], {}


def _make_log_group(logs: Any, name: str, properties: Properties) -> Made:
    group = properties.get("LogGroupName", name)
    logs.create_log_group(logGroupName=group)
    if "RetentionInDays" in properties:
        logs.put_retention_policy(logGroupName=group, retentionInDays=int(properties["RetentionInDays"]))
    return group, {"Arn": f"arn:aws:logs:{logs.meta.region_name}:{DEFAULT_ACCOUNT_ID}:log-group:{group}:*"}


KINDS: Mapping[str, Making] = {
    "AWS::Scheduler::Schedule": (
        "scheduler",
        _make_schedule,
        lambda scheduler, one: scheduler.delete_schedule(Name=one),
        ("Arn",),
    ),
    "AWS::Budgets::Budget": (
        "budgets",
        _make_budget,
        lambda budgets, one: budgets.delete_budget(AccountId=DEFAULT_ACCOUNT_ID, BudgetName=one),
        (),
    ),
    "AWS::Logs::LogGroup": (
        "logs",
        _make_log_group,
        lambda logs, one: logs.delete_log_group(logGroupName=one),
        ("Arn",),
    ),
}
