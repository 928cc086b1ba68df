"""``vpcshark iam-policy`` prints what installer/iam has, and says what it cannot print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vpcshark.aws.iam.features import DEFAULT, FEATURES
from vpcshark.cli.main import run

SHIPPED = Path(__file__).parents[2] / "installer" / "iam"


@pytest.mark.parametrize("name", FEATURES)
def test_what_is_shipped_is_what_is_printed(name: str, capsys: pytest.CaptureFixture[str]):
    """To make the files anew: vpcshark iam-policy --features NAME > installer/iam/NAME.json."""
    assert run(["iam-policy", "--features", name]) == 0
    assert capsys.readouterr().out == (SHIPPED / f"{name}.json").read_text("utf-8")


def test_no_file_is_of_a_feature_that_is_none():
    assert {path.name for path in SHIPPED.iterdir()} == {f"{name}.json" for name in FEATURES}


def test_several_features_make_one_policy(capsys: pytest.CaptureFixture[str]):
    assert run(["iam-policy", "--features", "mirror, list"]) == 0
    first = json.loads(capsys.readouterr().out)["Statement"][0]["Action"]
    assert {"ec2:DescribeNetworkInterfaces", "ec2:DescribeTrafficMirrorSessions"} < set(first)


def test_without_a_word_it_is_what_a_capture_on_a_standing_host_needs(capsys: pytest.CaptureFixture[str]):
    assert run(["iam-policy"]) == 0
    alone = capsys.readouterr().out
    run(["iam-policy", "--features", ",".join(DEFAULT)])
    assert capsys.readouterr().out == alone


def test_a_feature_that_is_none_is_said(capsys: pytest.CaptureFixture[str]):
    assert run(["iam-policy", "--features", "list,miror"]) == 2
    printed, said = capsys.readouterr()
    assert printed == ""
    assert 'no feature "miror"' in said


def test_the_help_names_every_feature(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        run(["iam-policy", "--help"])
    told = capsys.readouterr().out
    assert all(f"\n  {name} " in told for name in FEATURES)


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-central-1", "aws")]
)
def test_the_partition_is_that_of_the_region_in_force(
    monkeypatch, capsys: pytest.CaptureFixture[str], region, partition
):
    """Else whoever works in China would get ARNs that are nowhere; for any region of it, as none was named."""
    monkeypatch.setenv("AWS_REGION", region)
    assert run(["iam-policy"]) == 0
    said = capsys.readouterr().out
    assert f'"arn:{partition}:ec2:*:*:' in said
    assert "aws:RequestedRegion" not in said
