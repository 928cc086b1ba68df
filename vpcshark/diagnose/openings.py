"""The packets that open a connection, and what they say of its way. Must not know verdicts."""

from __future__ import annotations

from vpcshark.diagnose.flows import stamps_of
from vpcshark.diagnose.packet import ACK, RST, SYN
from vpcshark.diagnose.requests import requests
from vpcshark.diagnose.streams import Pair

_AS_LONG = 0.7
"""A round trip of this share of a wait explains it: no two are the same."""


class Opening:
    """The packets of a handshake."""

    def __init__(self, pair: Pair) -> None:
        packets, is_client = pair.connection.packets, pair.connection.of_client
        self.pair, self.flow = pair, pair.flow
        self.syns = [p for p in packets if p.flags & (SYN | ACK) == SYN and is_client(p)]
        self.answers = [p for p in packets if p.flags & (SYN | ACK) == SYN | ACK and not is_client(p)]
        self.replies = [p for p in packets if not is_client(p)]
        self.followed = [p for p in packets if is_client(p) and not p.flags & (SYN | RST)]
        self.resets = [p for p in self.replies if p.flags & RST]

    @property
    def waited(self) -> int:
        """From the first SYN to the first answer, in nanoseconds; 0: none."""
        return self.answers[0].at - self.syns[0].at if self.answers and self.syns else 0

    @property
    def round_trip(self) -> int:
        """The shortest from what was asked to its ACK, once it was opened; 0: none was seen."""
        asked = (each for each in requests(self.pair) if each.acked is not None and not each.was_resent)
        return min((each.acked.at - each.asked.at for each in asked if each.acked is not None), default=0)

    @property
    def is_far(self) -> bool:
        """Is the way as long as its answer took, so that the first SYN's was only on its way when the next was sent?"""
        return self.round_trip >= _AS_LONG * self.waited > 0

    @property
    def answers_a_later_syn(self) -> bool:
        """Does the answer echo the time stamp of a later SYN (RFC 7323)? That it has the first one's says nothing:
        Linux has that in each answer to the SYNs of a connection."""
        echoed, sent = stamps_of(self.answers[0]), [stamps_of(syn) for syn in self.syns]
        if echoed is None or sent[0] is None or echoed[1] == sent[0][0]:
            return False
        return any(each is not None and each[0] == echoed[1] for each in sent[1:])

    @property
    def was_put_off(self) -> bool:
        """Did an ACK of the connection that had these ports before answer the SYN (RFC 9293, 3.10.7.4)?"""
        until = self.answers[0].number if self.answers else 0
        return any(p.number < until and p.flags & (SYN | RST | ACK) == ACK for p in self.replies)

    @property
    def is_odd(self) -> bool:
        """Is it anything but a SYN and its answer?"""
        return len(self.syns) != 1 or len(self.answers) != 1

    @property
    def has_served(self) -> bool:
        """Did the server send data?"""
        return bool(self.pair.server.segments)
