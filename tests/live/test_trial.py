"""What a trial wants to know before it begins, and that each of its rows is one of docs/truth.md."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from vpcshark.errors import InputError
from vpcshark.live import trial
from vpcshark.live.probes import PROBES

PROJECT = Path(__file__).parents[2]
TEMPLATE = PROJECT / "installer" / "cloudformation" / "live.yaml"


def test_each_probe_is_of_one_row_of_the_truth():
    place = importlib.util.spec_from_file_location("truth_of_live", PROJECT / "docs" / "truth.py")
    assert place
    assert place.loader
    module = importlib.util.module_from_spec(place)
    sys.modules["truth_of_live"] = module
    place.loader.exec_module(module)
    for probe in PROBES:
        assert sum(row.behaviour.startswith(probe.row) for row in module.ROWS) == 1, probe.row


@pytest.mark.parametrize("block", ["10.86.0.0/24", "2001:db8::/32", "somewhere", "10.86.0.1/16"])
def test_a_block_without_room_for_two_subnets_is_refused(block: str):
    with pytest.raises(InputError):
        trial.blocks(block)


def test_the_subnets_are_the_first_of_the_block():
    assert trial.blocks("10.86.0.0/16") == ("10.86.0.0/24", "10.86.1.0/24")


def test_the_price_grows_with_the_time():
    assert 0.05 < trial.price(60) < 0.5
    assert trial.price(120) == pytest.approx(2 * trial.price(60))


def test_all_of_the_stack_needs_its_deadline():
    """So it is there before anything that costs, and goes last: CloudFormation makes what is needed first."""
    from vpcshark.lab.api import moto_stack_life

    resources = _resources(TEMPLATE.read_text("utf-8"))
    order = moto_stack_life.order(resources)
    assert order[:2] == ["DeadlineRole", "DeadlineSchedule"]
    for name in order[2:]:
        assert "DeadlineSchedule" in _needs(resources, name), name


def _resources(text: str) -> dict:
    """The template's resources, with references in the long form."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def long(loader, tag: str, node):
        value = loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if value is None:
            value = loader.construct_sequence(node, deep=True)
        name = "Ref" if tag == "Ref" else f"Fn::{tag}"
        return {name: value}

    Loader.add_multi_constructor("!", long)
    return yaml.load(text, Loader)["Resources"]


def _needs(resources: dict, name: str) -> set[str]:
    """Everything that the resource needs, also by others."""
    from vpcshark.lab.api import moto_stack_life

    direct = {one for one in moto_stack_life._named(resources[name]) if one in resources}
    return direct.union(*(_needs(resources, one) for one in direct))


def test_everything_that_has_tags_has_the_trials():
    """The deadline's role may delete nothing else."""
    text = TEMPLATE.read_text("utf-8")
    tagged = len(re.findall(r'Key: "vpcshark:live", Value: !Ref AWS::StackName', text))
    assert tagged == sum("Tags" in one.get("Properties", {}) for one in _resources(text).values())
