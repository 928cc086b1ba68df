"""The dialog's Reload, asked of the launcher as Wireshark asks, and the entry that chooses an ENI, by real tshark."""

from __future__ import annotations

from pathlib import Path

import pytest
from hands import Lab, installed, preference, read_frames

pytestmark = pytest.mark.e2e

CHOOSE = "aws-choose"


def reloaded(lab: Lab, interface: str, option: str, *others: str) -> list[str]:
    """The values that the selector has after Reload. Wireshark gives the other fields as they are."""
    asked = ("--extcap-config", "--extcap-interface", interface, "--extcap-reload-option", option, *others)
    done = lab.run(installed(lab), *asked)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition("{value=")[2].partition("}")[0] for line in done.stdout.splitlines()]


def instance(lab: Lab, name: str) -> str:
    """The instance of that name."""
    filters = [{"Name": "tag:Name", "Values": [name]}]
    return lab.client().describe_instances(Filters=filters)["Reservations"][0]["Instances"][0]["InstanceId"]


@pytest.mark.long
def test_every_selector_of_an_eni_offers_what_the_account_has(clean_lab: Lab):
    """The other instances, the mirror filters that there are; beside the fixed values."""
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    hosts = reloaded(clean_lab, eni, "host", "--connection", "auto")
    assert hosts[:3] == ["auto", "local", "launch"]
    assert hosts[3] == instance(clean_lab, "capture-1")  # the tagged one comes first
    assert instance(clean_lab, "db-1") in hosts
    ec2 = clean_lab.client()
    made = ec2.create_traffic_mirror_filter()["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
    try:
        clean_lab.until_shown(made)
        assert reloaded(clean_lab, eni, "mirror-filter") == ["auto", made]
    finally:
        ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=made)


@pytest.mark.long
def test_the_entry_that_chooses_leads_from_the_region_to_the_eni(clean_lab: Lab):
    """Each selector has the account's own, narrowed by those before it."""
    web, region = clean_lab.eni("web-1"), clean_lab.environment["AWS_REGION"]
    assert region in reloaded(clean_lab, CHOOSE, "region", "--profile", "auto")
    place = ("--profile", "auto", "--region", region)
    assert web["VpcId"] in reloaded(clean_lab, CHOOSE, "vpc", *place)
    assert web["NetworkInterfaceId"] in reloaded(clean_lab, CHOOSE, "eni", *place, "--vpc", web["VpcId"])
    assert reloaded(clean_lab, CHOOSE, "eni", *place, "--vpc", "vpc-0123456789abcdef0") == ["auto"]


@pytest.mark.long
def test_what_was_chosen_is_captured(clean_lab: Lab, tmp_path: Path):
    """tshark on the entry itself: the chosen ENI's frames under its own name, and nothing left behind."""
    eni, file = clean_lab.eni("web-1")["NetworkInterfaceId"], tmp_path / "out.pcapng"
    tmp_path.chmod(0o777)  # dumpcap as root gives up its rights and must still be allowed to write the file
    chosen = preference(CHOOSE, "eni", eni)
    done = clean_lab.run("tshark", "-q", *chosen, "-i", CHOOSE, "-a", "packets:100", "-w", str(file))
    assert done.returncode == 0, done.stderr
    assert clean_lab.is_clean()
    assert len(read_frames(file)) >= 100
    assert f"Name = {eni}\n" in clean_lab.run("capinfos", "-I", str(file)).stdout
