"""Elements of SVG and HTML, written by the standard library, so that text from outside can never become markup.

Every text and attribute goes through ``vpcshark.text`` first. Must not know what is drawn.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from vpcshark.text import line

Child = Element | str | None
_PATH = re.compile(r"[MLHVAZmlhvaz0-9 .-]*")


def el(tag: str, *children: Child, **attributes: str | float | None) -> Element:
    """An element. ``class_`` is "class", ``aria_label`` is "aria-label"; what is None is left out."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    made = Element(tag, {key: _written(value) for key, value in named.items() if value is not None})
    for child in children:
        if isinstance(child, str):
            _append_text(made, line(child))
        elif child is not None:
            made.append(child)
    return made


def _written(value: str | float) -> str:
    return line(value) if isinstance(value, str) else f"{value:g}"


def _append_text(made: Element, text: str) -> None:
    if len(made):
        made[-1].tail = (made[-1].tail or "") + text
    else:
        made.text = (made.text or "") + text


def path(d: str, class_: str | None = None) -> Element:
    """A path of any length: it has no text, which ValueError makes sure of."""
    if not _PATH.fullmatch(d):
        raise ValueError(f"This is no path: {line(d, 100)}")
    made = el("path", class_=class_)
    made.set("d", d)
    return made


def style(css: str) -> Element:
    """A style sheet of our own: the one text that is not escaped."""
    made = Element("style")
    made.text = css
    return made


def as_html(root: Element) -> str:
    """A whole HTML document."""
    return "<!DOCTYPE html>\n" + ElementTree.tostring(root, encoding="unicode", method="html") + "\n"


def as_svg(root: Element) -> str:
    """A whole SVG file."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
