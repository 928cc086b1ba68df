"""What ``vpcshark decap`` says of the packets of a file. Must not know how headers come off."""

from __future__ import annotations

from vpcshark.errors import InputError
from vpcshark.text import many
from vpcshark.wire.overlay.decap import Counts, Decapsulator

_MOST_PORTS = 4


def summary(engine: Decapsulator) -> str:
    """What became of the packets."""
    counts, vnis = engine.counts, sorted(engine.interfaces)
    listed = ", ".join(map(str, vnis[:8])) + (" …" if len(vnis) > 8 else "")
    told = f"{many(counts.taken, 'frame')} of VNI {listed} from {many(counts.packets, 'packet')}"
    return ". ".join(["; ".join([told, *_left_out(counts)]), *_hints(engine)]) + "."


def _left_out(counts: Counts) -> list[str]:
    named = [*counts.others.items(), ("of other VNIs", counts.foreign), ("refused by the filter", counts.refused)]
    told = [f"{count} {name}" for name, count in named if count]
    comments = [f"{many(counts.comments, 'comment')} of packets that gave no frame"] if counts.comments else []
    return told + comments


def _hints(engine: Decapsulator) -> list[str]:
    """Where packets look like VXLAN on another port, which, and how to say so; nothing is taken by its looks alone."""
    found = engine.counts.lookalikes.most_common(_MOST_PORTS)
    if not found:
        return []
    ports = [port for port, _ in found]
    given = [engine.ports.vxlan, *engine.ports.more] if engine.counts.taken or engine.counts.foreign else []
    options = " ".join(f"--port {port}" for port in [*given, *ports])
    listed = ", ".join(f"{port} ({many(count, 'packet')})" for port, count in found)
    return [f"On UDP port {listed} there is what looks like VXLAN: {options} takes it too"]


def insist_on_frames(name: str, engine: Decapsulator) -> None:
    """InputError, with the reason, if there is not a single frame."""
    counts = engine.counts
    if counts.taken:
        return
    hint = "".join(f"{each}." for each in _hints(engine))
    if counts.refused:
        raise InputError(
            f"{name} has {many(counts.refused, 'mirrored frame')}, none of which the filter accepts.", hint
        )
    if counts.foreign:
        found = ", ".join(map(str, sorted(engine.foreign_vnis)))
        problem = f"{name} has no frame of the VNI that is asked for."
        raise InputError(problem, f"It has frames of VNI {found}. {hint}".strip())
    left_out = "; ".join(_left_out(counts)) or "it is empty"
    raise InputError(
        f"{name} holds no VXLAN: none of its {many(counts.packets, 'packet')} ({left_out}) carries a mirrored frame.",
        hint or "Capture on the target with: tcpdump -w FILE udp port 4789",
    )
