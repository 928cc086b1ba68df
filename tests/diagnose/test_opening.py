"""How connections begin: what is a refusal, and what is loss."""

from __future__ import annotations

import pytest
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.diagnose.finding import Finding
from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes


def told(story: Story, *, in_columns: bool = False) -> list[Finding]:
    return list(examine(list(read_bytes(story.pcap(), in_columns=in_columns).points.values())).findings)


@pytest.mark.parametrize("in_columns", [False, True])
@pytest.mark.parametrize(("has_ack", "is_refused"), [(True, False), (False, True)])
def test_a_reset_refuses_no_connection_whose_client_has_acknowledged_an_answer(
    has_ack: bool, is_refused: bool, in_columns: bool
) -> None:
    """The capture lost the SYN-ACK; the server ends the connection after a minute."""
    story = Story()
    tcp = Tcp(story, port=5432)
    tcp.raw(CLIENT, "S")
    story.wait(0.02)
    tcp.seq[CLIENT] += 1
    if has_ack:
        tcp.ack(CLIENT)
        story.wait(60)
    tcp.raw(SERVER, "RA")
    assert ("refused" in [each.kind for each in told(story, in_columns=in_columns)]) is is_refused
