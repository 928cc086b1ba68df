"""What answers at an endpoint, taken only as far as it can be an answer of AWS: so many bytes, within so many seconds.

botocore reads a body whole, whatever its size, and its time-outs begin anew with each byte. What is a stream in the
service's model (an object of S3) is left to its reader. Must not know what the
calls are for.
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as TookTooLong
from typing import Any

from vpcshark import threads
from vpcshark.aws.answers import is_too_deep
from vpcshark.errors import AwsError

MOST = 32 << 20  # bytes of one answer: a page of a thousand instances has some megabytes
MOST_REFUSED = 1 << 20  # bytes of an error
LONGEST = 30.0  # seconds for one answer, of which READ_TIMEOUT go by without a byte at most
_PIECE = 1 << 16


def bound(client: Any) -> None:
    """Have the client's answers bounded, by botocore's event before each attempt to send a request: what a handler
    returns is taken for the answer."""
    session = client._endpoint.http_session  # botocore's settings of time-outs, proxies and TLS are in there

    def send(request: Any, **_: Any) -> Any:
        work = threads.start(_answer, session, request, name="answer of AWS")
        try:
            return work.result(LONGEST)
        except TookTooLong as error:
            from botocore.exceptions import ReadTimeoutError

            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error

    client.meta.events.register("before-send", send)


def _answer(session: Any, request: Any) -> Any:
    """The response with its whole body; without it where botocore hands a stream to the caller, who bounds it (a file
    of S3 may have any size). A refusal is never one."""
    is_stream = request.stream_output
    request.stream_output = True  # the session leaves the body to us
    response = session.send(request)
    if is_stream and response.status_code < 300:
        return response
    response._content = _body(response.raw, request, MOST if response.status_code < 300 else MOST_REFUSED)
    return response


def _body(raw: Any, request: Any, most: int) -> bytes:
    """As botocore reads and maps it (httpsession.URLLib3Session.send), but bounded."""
    from botocore import exceptions
    from urllib3 import exceptions as broken

    pieces: list[bytes] = []
    size = 0
    try:
        for piece in raw.stream(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raw.close()
                raise AwsError(
                    f"The answer from {request.url} is longer than {most >> 20} MiB.", "Check AWS_ENDPOINT_URL."
                )
    except broken.ReadTimeoutError as error:
        raise exceptions.ReadTimeoutError(endpoint_url=request.url, error=error) from error
    except broken.ProtocolError as error:
        raise exceptions.ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error
    except broken.HTTPError as error:
        raise exceptions.HTTPClientError(error=error) from error
    body = b"".join(pieces)
    if body.lstrip()[:1] == b"<" and b"<!DOCTYPE" in body:  # AWS has none; entities in one may unfold without a bound
        raise AwsError(f"The answer from {request.url} is a document, not AWS's.", "Check AWS_ENDPOINT_URL.")
    if body.lstrip()[:1] == b"<" and is_too_deep(body):
        raise AwsError(f"The answer from {request.url} is nested deeper than AWS's are.", "Check AWS_ENDPOINT_URL.")
    return body
