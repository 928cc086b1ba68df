"""The descriptions of AWS's services: those of botocore, read once, also where a profile names folders of its own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import JSONFileLoader

from vpcshark.aws import models


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Any]:
    """A botocore session of a profile; ``plain`` has no folder, ``mine`` and ``other`` have one each."""
    config = tmp_path / "config"
    config.write_text(
        f"[profile plain]\n[profile mine]\ndata_path = {tmp_path}/mine\n[profile other]\ndata_path = {tmp_path}/other\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

    def made(profile: str) -> Any:
        session = botocore.session.Session(profile=profile)
        models.read_once(session)
        return session

    return made


def loader(session: Any) -> Any:
    """What the session reads descriptions with."""
    return session.get_component("data_loader")


@pytest.mark.parametrize("service", ["ec2", "ssm", "sts", "sso", "elbv2"])
def test_a_description_is_that_of_botocore(core: Callable[[str], Any], service: str) -> None:
    """Also with its extras and pages, and in the same order."""
    theirs = loader(botocore.session.Session())
    ours = loader(core("plain"))
    for kind in ("service-2", "paginators-1"):
        expected = theirs.load_service_model(service, kind)
        assert json.dumps(ours.load_service_model(service, kind)) == json.dumps(expected)
    assert set(theirs.list_available_services("service-2")) <= set(ours.list_available_services("service-2"))


@pytest.mark.parametrize("ending", ["", ".json"])
def test_what_is_not_there_is_nothing(tmp_path: Path, ending: str) -> None:
    """As botocore's own has it."""
    path = str(tmp_path / f"none{ending}")
    assert models.Files().exists(path) == JSONFileLoader().exists(path) == False  # noqa: E712
    assert models.Files().load_file(path) is JSONFileLoader().load_file(path) is None


def test_sessions_share_what_is_read(core: Callable[[str], Any]) -> None:
    """The second session reads nothing anew, and boto3 adds nothing to where is looked."""
    first, second = loader(core("plain")), loader(core("plain"))
    assert first.load_service_model("ec2", "service-2") is second.load_service_model("ec2", "service-2")
    before = list(first.search_paths)
    first.search_paths.append("/of/one/session")
    assert list(first.search_paths) == before


def test_a_profile_may_have_descriptions_of_its_own(core: Callable[[str], Any], tmp_path: Path) -> None:
    """``data_path`` of the AWS configuration, plain or compressed; the other profile does not see it."""
    for name, opened in (("mine", open), ("other", gzip.open)):
        folder = tmp_path / name / "ours" / "2020-01-01"
        folder.mkdir(parents=True)
        with opened(f"{folder}/service-2.json{'.gz' if name == 'other' else ''}", "wb") as file:
            file.write(json.dumps({"of": name}).encode())
    said = {name: loader(core(name)).load_service_model("ours", "service-2")["of"] for name in ("mine", "other")}
    assert said == {"mine": "mine", "other": "other"}
    assert "ours" not in loader(core("plain")).list_available_services("service-2")


def test_many_threads_may_read_at_once(core: Callable[[str], Any]) -> None:
    """A list over many places makes its clients side by side."""
    with ThreadPoolExecutor(8) as pool:
        sessions = [core("plain") for _ in range(8)]
        made = list(pool.map(lambda one: one.create_client("sqs", "eu-west-1"), sessions))
    assert {client.meta.service_model.service_name for client in made} == {"sqs"}


def test_a_service_that_boto3_does_not_know_is_named(core: Callable[[str], Any]) -> None:
    """And not looked for for ever."""
    with pytest.raises(UnknownServiceError, match="nonesuch"):
        core("plain").create_client("nonesuch", "eu-west-1")
