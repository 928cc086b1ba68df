"""One filter in another's place where Linux has memory for one of them: nothing is missed meanwhile."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from vpcshark.receiver import kernel

OLD, NEW, ANY = [(6, 0, 0, 1)] * 30, [(6, 0, 0, 2)] * 40, [(6, 0, 0, 3)] * 2


class Socket:
    """Takes filters as Linux does: the new one and the one that it replaces count together (net/core/filter.c,
    ``sk_filter_charge``). ``had`` are all that it ever had."""

    def __init__(self, most: int, first: kernel.Program) -> None:
        self.most, self.had = most, [len(first)]

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        length = int.from_bytes(value[:2], "little")
        if self.had[-1] + length > self.most:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        self.had.append(length)


def exchanged(most: int) -> Socket:
    sock: Any = Socket(most, OLD)
    kernel.exchange(sock, NEW, OLD, ANY)
    return sock


def test_where_there_is_memory_for_both_the_one_follows_the_other() -> None:
    assert exchanged(70).had == [30, 40]


def test_where_there_is_not_a_short_one_is_between_them() -> None:
    """One that takes more: frames that nobody wants may come, none is missed."""
    assert exchanged(69).had == [30, 2, 40]


def test_one_that_is_too_long_by_itself_leaves_the_one_before() -> None:
    sock: Any = Socket(41, OLD)
    with pytest.raises(OSError, match="memory"):
        kernel.exchange(sock, NEW, OLD, ANY)
    assert sock.had == [30, 2, 30]


def test_what_the_kernel_refuses_for_another_reason_is_not_tried_again() -> None:
    class Strict(Socket):
        def setsockopt(self, level: int, option: int, value: bytes) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    sock: Any = Strict(70, OLD)
    with pytest.raises(OSError, match="argument"):
        kernel.exchange(sock, NEW, OLD, ANY)
    assert sock.had == [30]
