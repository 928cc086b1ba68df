"""One lab for each process of tests that run real tools, lent to one module after the other: each finds an account
without captures, and none of what the product had kept on disk. A module that changes the account for good says so by
``OWN_LAB`` and has a lab of its own.

Commands run as somebody who has the shipped policies alone, with IAM enforced: those that a user has by default, or
those that the module names in ``FEATURES``. Who judges or plants something does so as an administrator
(``Lab.client``). ``VPCSHARK_TEST_IAM=off`` runs all without policies.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from hands import Lab, bound, running_lab, wait_until

from vpcshark.aws.iam.features import DEFAULT


@pytest.fixture(scope="session")
def shared_lab(until_folder_ends: Callable[[str, AbstractContextManager[Lab]], Lab]) -> Lab:
    """A root lab, for somebody who may do all."""
    return until_folder_ends("tests/e2e/", running_lab())


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A root lab, under the policies."""
    features = getattr(request.module, "FEATURES", DEFAULT)
    if getattr(request.module, "OWN_LAB", False):
        with running_lab(features) as own:
            yield own
        return
    with lent(request.getfixturevalue("shared_lab"), features) as borrowed:
        yield borrowed


@contextmanager
def lent(shared: Lab, features: Sequence[str]) -> Iterator[Lab]:
    """The lab for one module. What the lab itself gets wrong meanwhile fails the module that saw it."""
    shared.forget()
    before = shared.troubles()
    with ExitStack() as undo:
        if os.environ.get("VPCSHARK_TEST_IAM") == "off":
            yield shared.listed()
        else:
            yield undo.enter_context(bound(shared))(*features).listed()
    assert shared.troubles() == before


@pytest.fixture
def clean_lab(lab: Lab) -> Iterator[Lab]:
    """The lab, proved to have no mirror resource before and after the test."""
    assert lab.is_clean()
    yield lab
    lab.end_started()
    try:
        wait_until(lab.is_clean, "the account is clean")
    finally:
        lab.clear()  # what a test that failed has left is not the next one's


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows what the product itself logged last."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Lab):
                report.sections.append((f"the log file of {name}", value.logged(80)))
    return report
