"""The lab's API as an HTTP server on loopback: moto, Traffic Mirroring, faults, and the data plane told of each change.

Must not know what the data plane is.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from vpcshark.clock import Clock, SystemClock
from vpcshark.lab.api.lag import LAG
from vpcshark.lab.model import LabSession

_log = logging.getLogger(__name__)
_READING = ("Describe", "Get", "List", "Search")
_QUERIED = ("logs", "athena")
_WAITING = ("autoscaling", "cloudformation", "ssm")  # services whose calls may wait for others, or for machines


class Mirrors(Protocol):
    """Whoever carries the mirrored packets; see ``model.DataPlane``."""

    def apply(self, sessions: Sequence[LabSession]) -> None:
        """Mirror exactly these sessions from now on; returns when they are in force."""


class ApiServer:
    """The API from ``start`` to ``stop``. moto's state is the process's: one server per process at a time."""

    def __init__(self, clock: Clock | None = None) -> None:
        os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "true")
        from vpcshark.lab.api import moto_memory

        moto_memory.install()
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server  # here: moto takes more than a second to import

        from vpcshark.lab.api import (
            moto_balancers,
            moto_ec2,
            moto_enis,
            moto_flow_logs,
            moto_gate,
            moto_guards,
            moto_iam,
            moto_joints,
            moto_lag,
            moto_launch,
            moto_network,
            moto_tagging,
            moto_vpc_endpoints,
        )
        from vpcshark.lab.api.faults import Faults

        moto_gate.install()
        moto_balancers.install()
        moto_ec2.install()
        moto_network.install()
        moto_joints.install()
        moto_vpc_endpoints.install()
        moto_enis.install()
        moto_flow_logs.install()
        moto_iam.install()
        moto_launch.install(None)
        moto_lag.install()
        moto_tagging.install()
        self._turn = moto_ec2.TURN
        self._sessions_in_force: Callable[[], list[LabSession]] = lambda: moto_guards.guarded(
            moto_ec2.sessions_in_force()
        )
        self._mirrors: Mirrors | None = None
        self._applied: list[LabSession] = []
        self._applying = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.controls: dict[str, Callable[..., Any]] = {}
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        app = Faults(
            self._in_turn(DomainDispatcherApplication(create_backend_app)),
            clock or SystemClock(),
            self._after,
            moto_enis.describe_as,
            _session_faults,
            self.controls,
        )
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="lab-api", daemon=True)

    @property
    def endpoint(self) -> str:
        """The URL for ``AWS_ENDPOINT_URL``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def tell(self, mirrors: Mirrors | None) -> None:
        """Tell this data plane of the sessions in force, before the answer of each call that changed them."""
        self._mirrors = mirrors

    def listen(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call it before the answer of each call that may have changed something, until what is returned is called."""
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _in_turn(self, app: Any) -> Callable[..., Any]:
        """One call at a time. CloudFormation comes with the first call of it: it loads all that a template could
        name; so do queries, which load S3."""
        from vpcshark.lab.api.faults import signed

        def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            with LAG.seen_by(environ.get("HTTP_USER_AGENT", "")):
                return performed(environ, start_response)

        def performed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            caller, service = signed(environ)
            if service in _QUERIED:
                from vpcshark.lab.api import moto_queries

                with self._turn:
                    moto_queries.install()
            if service not in _WAITING:
                with self._turn:
                    return app(environ, start_response)
            if service != "cloudformation":
                return app(environ, start_response)
            try:
                from vpcshark.lab.api import moto_stacks
            except ModuleNotFoundError as error:  # what reads templates is large, and few need it
                return _lacking(error.name or "moto", start_response)
            moto_stacks.install()
            self._keep_schedules()
            with moto_stacks.acting(self.endpoint, caller):
                return app(environ, start_response)

        return serve

    def _keep_schedules(self) -> None:
        """From the first stack on."""
        from vpcshark.lab.api.moto_schedules import Schedules

        with self._turn:
            if "schedules" not in self.controls:
                self.controls["schedules"] = Schedules(self.endpoint).control

    def _after(self, action: str) -> None:
        if action.startswith(_READING):
            return
        for listener in self._listeners if action else ():  # S3's calls have none
            listener()
        if self._mirrors is None:
            return
        with self._applying:  # so that an older state never comes last
            with self._turn:
                sessions = self._sessions_in_force()
            if sessions != self._applied:
                self._mirrors.apply(sessions)
                self._applied = sessions
                _log.info("%d mirror sessions in force after %s", len(sessions), action)


def _session_faults(method: str, facts: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Loaded with the first of them: most labs have none."""
    from vpcshark.lab.api import moto_logins

    return moto_logins.session_faults(method, facts)


def _lacking(package: str, start_response: Callable[..., Any]) -> list[bytes]:
    """CloudFormation's answer in a lab without what moto needs for it."""
    start_response("400 Bad Request", [("Content-Type", "text/xml")])
    said = f"The lab reads templates with {package}, which is not installed; the extra lab-stacks brings it."
    return [
        f"<ErrorResponse><Error><Code>NotInstalled</Code><Message>{said}</Message></Error></ErrorResponse>".encode()
    ]
