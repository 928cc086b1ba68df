"""Questions to the person at a terminal: one of several, yes or no. Where nobody is there, the flag is told.

Must not know what is asked, nor what an answer does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vpcshark.errors import InputError, VpcsharkError
from vpcshark.text import line

_SHOWN = 20  # choices on the screen; what is not shown can be typed
_AGAIN = "Every answer can be a flag: vpcshark setup --help"

Choice = tuple[str, str]
"""(value, what a person reads)."""


def only(offered: Sequence[Choice]) -> Callable[[str], str]:
    """Takes a value that is offered, and nothing else."""

    def value(word: str) -> str:
        if word not in [each for each, _ in offered]:
            raise InputError(f'"{word}" is none of these.')
        return word

    return value


class Questions:
    """``read`` shows a question and returns the line that is typed (EOFError at the end); None: nobody is there.
    ``say`` shows a line."""

    def __init__(self, read: Callable[[str], str] | None, say: Callable[[str], None]) -> None:
        self._read = read
        self.say = say

    @property
    def has_person(self) -> bool:
        """Can anything be asked?"""
        return self._read is not None

    def choose(
        self,
        what: str,
        flag: str,
        offered: Sequence[Choice],
        usual: str | None = None,
        meant: Callable[[str], str] | None = None,
    ) -> str:
        """The value that is chosen, by its number or by a word of which ``meant`` makes a value (VpcsharkError: asked
        again; None: only what is offered will do). ``usual`` is taken for an empty line, and where nobody is there;
        InputError if there is none."""
        if self._read is None:
            if usual is None:
                raise InputError(f"{what}? Nobody is at a terminal to answer.", f"Give {flag}.")
            return usual
        for number, (_, text) in enumerate(offered[:_SHOWN], 1):
            self.say(f"  {number:>2}  {text}")
        if len(offered) > _SHOWN:
            self.say(f"      and {len(offered) - _SHOWN} more: type a name or an id")
        question = f"{what}{self._shown(offered, usual)}: "
        while True:
            word = self._answer(question)
            try:
                return self._value(word, offered, usual, meant or only(offered))
            except VpcsharkError as error:
                self.say(f"  {error}")

    @staticmethod
    def _shown(offered: Sequence[Choice], usual: str | None) -> str:
        if usual is None:
            return ""
        values = [value for value, _ in offered]
        return f" [{values.index(usual) + 1}]" if usual in values else f" [{usual}]"

    @staticmethod
    def _value(word: str, offered: Sequence[Choice], usual: str | None, meant: Callable[[str], str]) -> str:
        if not word and usual is not None:
            return usual
        if word.isascii() and word.isdigit() and 0 < int(word) <= len(offered):
            return offered[int(word) - 1][0]
        return meant(word)

    def agree(self, what: str, given: bool | None, usual: bool = False) -> bool:
        """Yes or no: what the flag said (``given``), else what is answered. Nobody there means no: who is not asked has
        not agreed."""
        if given is not None or self._read is None:
            return bool(given)
        question = f"{what} {'[Y/n]' if usual else '[y/N]'} "
        while True:
            word = self._answer(question).lower()
            if word in ("y", "yes", "n", "no"):
                return word.startswith("y")
            if not word:
                return usual
            self.say("  Please answer y or n.")

    def _answer(self, question: str) -> str:
        assert self._read is not None
        try:
            return line(self._read(line(question))).strip()
        except EOFError as end:
            raise InputError("The input ended before all questions were answered.", _AGAIN) from end
