"""The frame of every page: its own policy lets it neither load nor run anything. Must not know what a page is about."""

from __future__ import annotations

from vpcshark.cli.drawing.markup import Child, as_html, el, style

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, css: str, *body: Child) -> str:
    """A whole page with this title, style sheet and body."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        style(css),
    )
    return as_html(el("html", head, el("body", *body), lang="en"))
