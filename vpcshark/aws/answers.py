"""AWS's answers as mappings and lists that say what they lack: whatever answers at the endpoint may leave things out.

Takes part where botocore makes a parser (a session's component "response_parser_factory", which the AWS command line
replaces as well). Must not know what an answer is for, nor import botocore before somebody connects.
"""

from __future__ import annotations

from typing import Any, SupportsIndex, overload

from vpcshark.errors import AwsError

DEEPEST = 64
"""Elements within elements; EC2's answers have less than twenty."""
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
                except ResponseParserError:
                    raise
                except Exception as exc:
                    raise ResponseParserError(f"{type(exc).__name__}: {exc}") from exc

            parser.parse = read  # type: ignore[method-assign]
            return parser

    core.register_component("response_parser_factory", Factory())


def is_too_deep(document: bytes) -> bool:
    """Has the XML elements within elements beyond ``DEEPEST``? As a tree each of these takes a hundred times its
    bytes. What is no XML is botocore's to refuse."""
    from xml.parsers import expat

    depth = 0

    def begin(name: str, attributes: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise RecursionError

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    try:
        parser.Parse(document, True)
    except RecursionError:
        return True
    except expat.ExpatError:
        return False
    return False
