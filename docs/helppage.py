"""Writes vpcshark/extcap/help.html, which Help in Wireshark opens: pages of this folder as one that needs no network.

Run by `make docs`; tests/test_docs.py fails where the file is not what this writes. Must not hold sentences of its own
about vpcshark. markdown-it is what rich, which vpcshark needs, reads Markdown with.
"""

from __future__ import annotations

import re
from pathlib import Path

from markdown_it import MarkdownIt

DOCS = Path(__file__).resolve().parent
FILE = DOCS.parent / "vpcshark" / "extcap" / "help.html"
PAGES = (
    "in-wireshark.md",
    "troubleshooting.md",
    "reference/options.md",
    "costs.md",
    "cleanup.md",
    "how-to/without-mirroring.md",
    "uninstall.md",
)
_LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
_HEADING = re.compile(r"<h([1-4])>(.*?)</h\1>", re.DOTALL)
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; }
th, td { border: 1px solid #8888; padding: .3rem .6rem; text-align: left; vertical-align: top; }
pre { overflow-x: auto; padding: .6rem; background: #8882; } code { font-family: ui-monospace, monospace; }
h1 { border-top: 1px solid #8888; padding-top: 1rem; } nav + h1 { border: 0; }
"""


def page() -> str:
    """The whole page."""
    parts = {name: part(name) for name in PAGES}
    contents = "".join(f'<li><a href="#{anchor(name)}">{title(text)}</a></li>' for name, text in parts.items())
    head = f'<meta charset="utf-8"><title>vpcshark</title><style>{_STYLE}</style>'
    script = "Written by docs/helppage.py: change the pages in docs instead."
    body = f"<nav><ul>{contents}</ul></nav>\n{''.join(parts.values())}"
    return f'<!doctype html>\n<html lang="en"><!-- {script} --><head>{head}</head>\n<body>\n{body}</body></html>\n'


def part(name: str) -> str:
    """A page as HTML; its headings are named as in the page, behind the page's own name."""
    text = MarkdownIt("commonmark").enable("table").render((DOCS / name).read_text("utf-8"))
    html = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    html = _HEADING.sub(lambda found: heading(name, int(found[1]), found[2]), html)
    return _LINK.sub(lambda found: linked(name, found[1], found[2]), html)


def heading(name: str, level: int, text: str) -> str:
    """With a place to link to."""
    plain = re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]*>", "", text).strip().lower()).replace(" ", "-")
    place = anchor(name) if level == 1 else f"{anchor(name)}--{plain}"
    return f'<h{level} id="{place}">{text}</h{level}>'


def linked(name: str, target: str, text: str) -> str:
    """A link to what is on this page too, or elsewhere on the net; else the words alone."""
    file, _, place = target.partition("#")
    if ":" in target:
        return f'<a href="{target}">{text}</a>'
    where = (DOCS / name).parent / file if file else DOCS / name
    to = where.resolve().relative_to(DOCS.parent).as_posix().removeprefix("docs/")
    if to not in PAGES:
        return text
    return f'<a href="#{anchor(to)}{f"--{place}" if place else ""}">{text}</a>'


def anchor(name: str) -> str:
    """A page's name as a place's."""
    return name.removesuffix(".md").replace("/", "-")


def title(html: str) -> str:
    """Its first heading."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", html, re.DOTALL)
    assert found
    return found[1]


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")
