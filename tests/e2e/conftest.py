"""A lab for each module of tests that run real tools: what one leaves open on purpose is not in another's way.

Its commands run as somebody who has the shipped policies alone, with IAM enforced: those that a user has by default, or
those that the module names in ``FEATURES``. Who judges or plants something does so as an administrator
(``Lab.client``). ``VPCSHARK_TEST_IAM=off`` runs all without policies.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from hands import Lab, running_lab, wait_until

from vpcshark.aws.features import DEFAULT


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A root lab, under the policies."""
    with running_lab(getattr(request.module, "FEATURES", DEFAULT)) as running:
        yield running


@pytest.fixture
def clean_lab(lab: Lab) -> Iterator[Lab]:
    """The lab, proved to have no mirror resource before and after the test."""
    assert lab.is_clean()
    yield lab
    wait_until(lab.is_clean, "the account is clean")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows what the product itself logged last."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Lab):
                report.sections.append((f"the log file of {name}", value.logged(80)))
    return report
