"""What packets prove: records of captures in, verdicts with their frames out.

``table`` makes packets of records, ``view`` cleans them, ``flows`` and ``streams`` put them in order, the ``verdicts``
judge, ``joined`` compares two capture points, ``report`` ranks and words it for scripts. Pure: must not know files,
the clock, AWS or a screen.
"""
