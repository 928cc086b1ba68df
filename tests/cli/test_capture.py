"""``vpcshark capture -c N``: exactly N packets, and the counts behind them."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from vpcshark.capture.stop import Stop
from vpcshark.cli.capture import Counter
from vpcshark.wire import pcapng


class Bytes:
    """A sink in memory."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        """Nothing to let go of."""


def stream(packets: int) -> bytes:
    """A section with so many packets and the counts at its end."""
    parts = [pcapng.section_header(), pcapng.interface_description("eni-1")]
    parts += [pcapng.enhanced_packet(0, number, bytes([number]) * number, number) for number in range(1, packets + 1)]
    return b"".join([*parts, pcapng.interface_statistics(0, 6, received=packets, dropped=0)])


@given(st.integers(0, 9), st.integers(1, 12), st.integers(1, 60))
def test_exactly_so_many_packets_pass_however_the_stream_is_cut(packets: int, enough: int, piece: int):
    """Whole blocks, at most N packets, the statistics kept; stop is asked for with the N-th."""
    data, sink, stop = stream(packets), Bytes(), Stop()
    counter = Counter(sink, stop, enough)
    for start in range(0, len(data), piece):
        counter.write(data[start : start + piece])
    kinds = [block.kind for block in pcapng.read_blocks(sink.data)]
    assert kinds.count(pcapng.PACKET) == counter.packets == min(packets, enough)
    assert kinds[-1] == pcapng.STATISTICS
    assert stop.requested() == (packets >= enough)


def test_what_another_thread_writes_meanwhile_comes_after():
    """Packets, counts and secrets come by threads of their own, and the counter reads what it passes on."""

    class Interrupted(Bytes):
        def write(self, data: bytes) -> None:
            if other.ident is None:
                other.start()
                other.join(0.5)  # it waits for us
            super().write(data)

    sink = Interrupted()
    counter = Counter(sink, Stop(), enough=1)
    counts = pcapng.interface_statistics(0, 6, received=3, dropped=0)
    other = threading.Thread(target=counter.write, args=[counts])
    counter.write(stream(2))
    other.join()
    assert sink.data == stream(1).removesuffix(pcapng.interface_statistics(0, 6, 1, 0)) + (
        pcapng.interface_statistics(0, 6, received=2, dropped=0) + counts
    )
