"""Which instance types AWS says it mirrors: a table with a date, to say beforehand what a capture will be.

It goes out of date, so it may warn and never refuse: AWS's answer to the create decides. Pure.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

AS_OF = "2025-08-28"
SOURCE = "https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-limits.html"

# Families of virtualised instances (SOURCE, AS_OF): "r5*" stands for r5, r5a, r5ad, r5b and so on.
_VIRTUAL = """
a1 m4 m5 m5a m5ad m5d m5dn m5n m5zn m6a m6g m6gd m6i m6id m6idn m6in m7a m7g m7gd m7i m7i-flex mac1 mac2 mac2-* t3 t3a
t4g c4 c5 c5a c5ad c5d c5n c6a c6g c6gd c6gn c6i c6id c6in c7a c7g c7gd c7i c7i-flex r4 r5* r6* r7a r7g r7gd r7i r7iz
u-* u7i* x1 x1e x2gd x2idn x2iedn x2iezn z1d d2 d3 d3en h1 i3 i3en i4g i4i i7i im4gn is4gen dl1 dl2q f1 f2 g3 g4ad g4dn
g5 g5g g6 g6e g6f gr6 gr6f inf1 inf2 p3 p3dn p4d p4de p5 p5e trn1 trn1n vt1 hpc6a hpc6id hpc7a
"""
_BARE_METAL = "m5 m5d m6g m6gd c5 c5d c6g c6gd r5 r5b r5d r6g r6gd x2gd z1d i3 g5g a1 mac*"  # Nitro v2 alone


def is_listed(instance_type: str) -> bool:
    """Does the table have the type (``m6i.large``)? An unknown one ("") counts as listed: nothing is said of it."""
    family, _, size = instance_type.lower().partition(".")
    families = _BARE_METAL if size.startswith("metal") else _VIRTUAL
    return not family or any(fnmatchcase(family, pattern) for pattern in families.split())
