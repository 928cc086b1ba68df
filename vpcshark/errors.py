"""The errors that a user may see: whole sentences that say what happened, and what to do now.

Foreign exceptions (botocore, paramiko, OSError) become these once, at the seam where they arise, with
``raise … from exc``. A class exists only because somebody catches it. Knows no room.
"""

from __future__ import annotations

from vpcshark.text import line


class VpcsharkError(Exception):
    """Anything that ends a command with a sentence instead of a traceback.

    ``problem`` says what happened and where, ``remedy`` what the user can do now; both are whole sentences.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem, self.remedy = line(problem), line(remedy)  # they may hold words of AWS, a host, a tag or a file
        super().__init__(f"{self.problem} {self.remedy}".strip())


def unexpected(error: Exception, where: str = "", remedy: str = "Its log tells more.") -> VpcsharkError:
    """For an exception that nobody foresaw, once it is in the log: a sentence is better than a thread that is gone.
    ``where`` (" in eu-west-1") ends the first sentence."""
    return VpcsharkError(f"vpcshark failed unexpectedly ({type(error).__name__}){where}.", remedy)


class InputError(VpcsharkError):
    """The user's input cannot be used: an option, a filter, an ENI id, a file."""


class OutputError(VpcsharkError):
    """What was opened for writing takes no more: the disk is full, or fails."""


class Mistake(InputError):
    """An option of the user's own names what is not there, or cannot be: nothing else is tried in its stead."""


class AwsError(VpcsharkError):
    """AWS answered with an error, or could not be asked. ``code`` is EC2's own error code, "" without an answer."""

    def __init__(self, problem: str, remedy: str = "", *, code: str = "") -> None:
        super().__init__(problem, remedy)
        self.code = code


class Unsigned(AwsError):
    """There were no credentials to ask AWS with. They may be there later: a person signs in, a program works again."""


class TooLong(AwsError):
    """AWS's answer was longer than one is read; smaller pages of it may not be."""


class TransportError(VpcsharkError):
    """The way to a command on another machine could not be opened, or broke."""


class Broken(TransportError):
    """The way to a command broke while it ran; by a new way it may go on."""


class Unanswered(TransportError):
    """Whether a command was taken is not known: nothing was heard in time, though the way to it stands."""


class Unreachable(TransportError):
    """Nobody answered at the other machine's address; by another way it may be there."""


class Closed(Unreachable):
    """The machine at that address answered that nobody listens there."""


class Refused(TransportError):
    """The other machine answered and let nobody in with these keys; it will not by another way either."""


class Keyless(Refused):
    """There was no key to show to the other machine."""


class SecondFactor(Refused):
    """The other machine took the key, and wants something else besides, which only a person has."""


class Unmatched(TransportError):
    """Both sides speak SSH, but have no algorithm in common; another program may have one."""


class Hopeless(TransportError):
    """What is wrong is on this side (a key file that is not there), so no way leads to any machine."""


class Halfway(VpcsharkError):
    """A change was neither made nor undone; the sentences say what holds now, and not that all is as it was."""
