"""What answers at an endpoint, taken only as far as it can be an answer of AWS: so many bytes, within so many seconds.

botocore reads a body whole, whatever its size, and its time-outs begin anew with each byte. A command asks several
things at once, so that the bound of one answer is none of the process's memory: only one long answer is read at a time.
What is a stream in the service's model (an object of S3) is left to its reader. Must not know what the calls are for.
"""

from __future__ import annotations

import mmap
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import ExitStack
from typing import Any

from vpcshark import threads
from vpcshark.aws.answers import TOO_MANY, why_not
from vpcshark.aws.long_answers import SHORT, Turn, kept
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import AwsError, TooLong

MOST = 16 << 20  # bytes of one answer: a page of a thousand instances has some megabytes; see paging.pages
MOST_REFUSED = 1 << 20  # bytes of an error
LONGEST = 30.0  # seconds for one answer, of which READ_TIMEOUT go by without a byte at most
_PIECE = 1 << 13  # a compressed piece has a thousand times its size at most
_SYSTEM = SystemClock()


def bound(client: Any, clock: Clock = _SYSTEM) -> None:
    """Have the client's answers bounded, by botocore's event before each attempt to send a request: what a handler
    returns is taken for the answer."""
    session = client._endpoint.http_session  # botocore's settings of time-outs, proxies and TLS are in there

    def send(request: Any, **_: Any) -> Any:
        work = threads.start(_answer, session, request, clock, name="answer of AWS")
        try:
            return work.result(LONGEST)
        except TookTooLong as error:
            from botocore.exceptions import ReadTimeoutError

            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error

    client.meta.events.register("before-send", send)


def _answer(session: Any, request: Any, clock: Clock) -> Any:
    """The response with its whole body; without it where botocore hands a stream to the caller, who bounds it (a file
    of S3 may have any size). A refusal is never one."""
    is_stream = request.stream_output
    request.stream_output = True  # the session leaves the body to us
    response = session.send(request)
    if is_stream and response.status_code < 300:
        return response
    most = MOST if response.status_code < 300 else MOST_REFUSED
    response._content = _body(response.raw, request, most, clock)
    return response


def _body(raw: Any, request: Any, most: int, clock: Clock) -> bytes:
    """As botocore reads and maps it (httpsession.URLLib3Session.send), but bounded."""
    from botocore import exceptions
    from urllib3 import exceptions as broken

    try:
        body = whole(raw, request.url, most, clock)
    except broken.ReadTimeoutError as error:
        raise exceptions.ReadTimeoutError(endpoint_url=request.url, error=error) from error
    except broken.ProtocolError as error:
        raise exceptions.ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error
    except broken.HTTPError as error:
        raise exceptions.HTTPClientError(error=error) from error
    return body


def whole(raw: Any, url: str, most: int, clock: Clock) -> bytes:
    """All that ``raw``, urllib3's response, has to say. Safe to call from many threads, of which one at a time goes
    beyond ``SHORT``: a long answer has the turn until it is ``done``. TooLong where it is more than ``most`` bytes, or
    has more elements than a page; AwsError where it is none of AWS's; urllib3's ReadTimeoutError where it comes too
    slowly or another one takes the time."""
    from urllib3.exceptions import ReadTimeoutError

    end, size, turn = clock.monotonic() + LONGEST, 0, Turn()
    with ExitStack() as undo:
        room = undo.enter_context(mmap.mmap(-1, most))  # given back to the system at once, which a thread's heap is not
        undo.callback(turn.give_back)
        for piece in raw.stream(_PIECE):
            if size + len(piece) > most:
                raw.close()
                raise TooLong(f"The answer from {url} is longer than {most >> 20} MiB.", "Check AWS_ENDPOINT_URL.")
            if clock.monotonic() > end or (size + len(piece) > SHORT and not turn.take(end - clock.monotonic())):
                raw.close()
                raise ReadTimeoutError(raw, url, "the answer has no end")
            room[size : size + len(piece)] = piece
            size += len(piece)
        with memoryview(room) as seen, seen[:size] as document:
            wrong = why_not(document)
            answer = b"" if wrong else bytes(document) if size <= SHORT else kept(turn, document)
        if wrong:
            error = TooLong if wrong == TOO_MANY else AwsError
            raise error(f"The answer from {url} {wrong}.", "Check AWS_ENDPOINT_URL.")
        if size <= SHORT:
            return answer
        undo.pop_all()  # the turn goes with the answer
        room.close()
        return answer
