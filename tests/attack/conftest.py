"""An account with a lab's API in this process, a cage for the product's runs, and the table of what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from arena import ROW, Account, Arena
from cage import Cage
from rogue_ssh import Rogues
from sessions import session

from vpcshark.lab.api.moto_ec2 import mark_managed
from vpcshark.lab.api.server import ApiServer
from vpcshark.lab.seed import Seeder


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """The lab's API without packets."""
    server = ApiServer()
    server.start()
    signed = session("lab", "lab", "us-east-1")
    ec2 = signed.client("ec2", endpoint_url=server.endpoint)
    world = Seeder(ec2, mark_managed).loopback()
    keys = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_REGION": "us-east-1"}
    environment = {**keys, "AWS_ENDPOINT_URL": server.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}
    yield Account(ec2, environment, {one.name: one for one in world.instances})
    server.stop()


@pytest.fixture(scope="session")
def cage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cage]:
    """One process that forks for each run."""
    made = Cage(tmp_path_factory.mktemp("cage"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def idle(cage: Cage) -> int:
    """KiB of a run that only says its version."""
    return cage.run(cage.place(), ["--version"], {}).peak


@pytest.fixture
def arena(cage: Cage, idle: int, account: Account, record_property: Callable[[str, object], None]) -> Arena:
    """Rows go into the report of the test."""
    return Arena(cage, idle, account, record_property)


@pytest.fixture(scope="session")
def rogues(tmp_path_factory: pytest.TempPathFactory) -> Rogues:
    """Makes rogue hosts."""
    return Rogues(Path(tmp_path_factory.mktemp("rogues")))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table: what was tried, how it ended."""
    rows = [value for reports in terminalreporter.stats.values() for value in _rows(reports)]
    if not rows:
        return
    terminalreporter.section("attacks")
    widths = [max(len(str(row[column])) for row in rows) for column in range(4)]
    for row in sorted(rows):
        cells = [str(cell).ljust(width) for cell, width in zip(row, widths, strict=False)]
        terminalreporter.write_line("  ".join([*cells, str(row[4])]))
    clean = sum(row[4] == "ends cleanly" for row in rows)
    cpu = sum(float(row[5]) for row in rows)
    terminalreporter.write_line(f"{clean} of {len(rows)} runs end cleanly; they took {cpu:.0f} s of CPU")


def _rows(reports: Sequence[Any]) -> Iterator[list[Any]]:
    for report in reports:
        if getattr(report, "when", "") == "call":
            yield from (value for name, value in report.user_properties if name == ROW)
