"""AWS's answers as mappings and lists that say what they lack: whatever answers at the endpoint may leave things out.

Takes part where botocore makes a parser (a session's component "response_parser_factory", which the AWS command line
replaces as well). Must not know what an answer is for, nor import botocore before somebody connects.
"""

from __future__ import annotations

import re
from typing import Any, SupportsIndex, overload

from vpcshark.aws.long_answers import SHORT, done
from vpcshark.errors import AwsError

DEEPEST = 64
"""Elements within elements; EC2's answers have less than twenty."""
MOST_ELEMENTS = 500_000
"""Of one answer: a page of a thousand instances with fifty tags each has some 300,000."""
TOO_MANY = "has more elements than a page of AWS's"
_MOST_WORDS = 500  # characters of what botocore says
_REMEDY = "Check AWS_ENDPOINT_URL, and what answers there."


class Answer(dict[str, Any]):
    """A mapping whose missing keys are AWS's fault, and said to be."""

    def __missing__(self, key: str) -> Any:
        raise AwsError(f"AWS's answer could not be read: it has no {key}.", _REMEDY)


class Listed(list[Any]):
    """A list that is read only as far as it goes."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: Any) -> Any:
        try:
            return super().__getitem__(index)
        except IndexError:
            raise AwsError("AWS's answer could not be read: a list in it is empty.", _REMEDY) from None


def told(value: Any) -> Any:
    """The same answer, of ``Answer`` and ``Listed``."""
    if isinstance(value, dict):
        return Answer((key, told(one)) for key, one in value.items())
    if isinstance(value, list):
        return Listed(map(told, value))
    return value


def read_by_us(core: Any) -> None:
    """Have the clients of a botocore session give such answers; what cannot be parsed is botocore's
    ResponseParserError, of whatever class its parser's own was."""
    from botocore.parsers import ResponseParserError, ResponseParserFactory

    class Factory(ResponseParserFactory):
        """Makes botocore's parsers."""

        def create_parser(self, protocol_name: str) -> Any:
            parser = super().create_parser(protocol_name)
            parse = parser.parse

            def read(response: Any, shape: Any) -> Any:
                try:
                    return told(parse(response, shape))
                except ResponseParserError as exc:  # the whole answer may be in its text
                    raise ResponseParserError(str(exc)[:_MOST_WORDS]) from exc
                except Exception as exc:
                    raise ResponseParserError(f"{type(exc).__name__}: {exc}"[:_MOST_WORDS]) from exc
                finally:
                    done(response["body"])

            parser.parse = read  # type: ignore[method-assign]
            return parser

    core.register_component("response_parser_factory", Factory())


def why_not(document: bytes | memoryview) -> str:
    """What a whole answer is that botocore had better not see; "" for one of AWS's. Of its parser's errors some have
    the text of the whole answer in them, and of some answers it makes a hundred times their bytes."""
    start = bytes(document[:64]).lstrip()[:1]
    if start == b"<":
        return _why_no_xml(document)
    if len(document) > SHORT and start not in (b"{", b"["):
        return "is neither XML nor JSON, and so none of AWS's"
    return ""


def _why_no_xml(document: bytes | memoryview) -> str:
    """AWS has no document type, whose entities may unfold without a bound. What is short and no XML is botocore's to
    refuse."""
    from xml.parsers import expat

    if re.search(b"<!DOCTYPE", document):
        return "is a document, not AWS's"
    depth = count = 0

    def begin(name: str, attributes: Any) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > DEEPEST or count > MOST_ELEMENTS:
            raise RecursionError

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    try:
        parser.Parse(document, True)
    except RecursionError:
        return "is nested deeper than AWS's are" if depth > DEEPEST else TOO_MANY
    except expat.ExpatError as error:
        return f"is no XML ({error})" if len(document) > SHORT else ""
    return ""
