"""Colours and style sheets of pictures and pages, light, dark and on paper. Must not know what is drawn.

Text has a contrast of 4.5 at least on every ground (WCAG 2.2, 1.4.3); what a colour says, a mark and a word say too.
"""

from __future__ import annotations

LIGHT = (
    "--ground:#fff;--box:#f3f5f8;--part:#fff;--card:#fff;--edge:#7a838e;--text:#1b1f24;--quiet:#4d5761;"
    "--allow:#1a6b2f;--drop:#b3141f;--unknown:#7a4b00;--info:#4d5761;--wrong:#fdeced;--link:#0a55b0"
)
DARK = (
    "--ground:#0e1217;--box:#161c24;--part:#0e1217;--card:#1b222b;--edge:#7d8896;--text:#e6ebf0;--quiet:#aab4bf;"
    "--allow:#58c873;--drop:#ff8a84;--unknown:#e3b04b;--info:#aab4bf;--wrong:#381a1c;--link:#7fb6ff"
)
SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
MONO = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"

PICTURE = f"""
.walk{{{LIGHT}}}
@media (prefers-color-scheme:dark){{.walk{{{DARK}}}}}
@media print{{.walk{{{LIGHT}}}}}
.walk text{{fill:var(--text);font:11px {MONO}}}
.walk .kind,.walk .lane{{font:bold 12px {SANS}}}
.walk .title{{fill:var(--quiet)}}
.walk .ground{{fill:var(--ground)}}
.walk .vpc{{fill:var(--box);stroke:var(--edge)}}
.walk .part{{fill:var(--part);stroke:var(--edge);stroke-dasharray:2 3}}
.walk .card{{fill:var(--card);stroke:var(--edge)}}
.walk .drop .card{{fill:var(--wrong);stroke:var(--drop);stroke-width:3}}
.walk .unknown .card{{stroke:var(--unknown);stroke-width:2;stroke-dasharray:7 4}}
.walk .mark{{fill:none;stroke-width:2;stroke-linecap:round}}
.walk .allow .mark{{stroke:var(--allow)}}.walk .allow .verdict{{fill:var(--allow)}}
.walk .drop .mark{{stroke:var(--drop);stroke-width:3}}.walk .drop .verdict{{fill:var(--drop);font-weight:bold}}
.walk .unknown .mark{{stroke:var(--unknown)}}.walk .unknown .verdict{{fill:var(--unknown);font-weight:bold}}
.walk .info .mark{{stroke:var(--info)}}
.walk .arrow{{fill:none;stroke:var(--edge);stroke-width:1.5}}
.walk .beyond{{stroke-dasharray:4 4}}
.walk .head{{fill:var(--edge)}}
.walk a:focus{{outline:none}}
.walk a:hover .card,.walk a:focus .card{{stroke:var(--link);stroke-width:3;stroke-dasharray:none}}
"""

_BASE = f"""
:root{{color-scheme:light dark;{LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{DARK}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--ground);color:var(--text);font:15px/1.45 {SANS};overflow-wrap:anywhere}}
a{{color:var(--link)}}
header,main{{padding:1rem 1.25rem;max-width:1640px;margin:auto}}
h1{{font-size:1.4rem;margin:0 0 .3rem}}h2{{font-size:1.1rem;margin:1.1rem 0 .4rem}}h3{{font-size:1rem;margin:0}}
code,.id{{font-family:{MONO};font-size:.87em}}
code{{background:var(--box);padding:.1em .35em;border-radius:3px}}
pre{{margin:.3rem 0;white-space:pre-wrap}}pre code{{display:block;padding:.5em .7em;border:1px solid var(--edge)}}
.picture{{align-self:start;overflow-x:auto;border:1px solid var(--edge);border-radius:6px}}
.picture svg{{display:block;width:100%;min-width:640px;height:auto}}
dl{{display:grid;grid-template-columns:6.5rem 1fr;gap:.1rem .7rem;margin:.2rem 0}}
dt{{color:var(--quiet)}}dd{{margin:0}}
:focus-visible{{outline:3px solid var(--link);outline-offset:2px}}
.hidden{{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}}
.skip{{position:absolute;left:-99rem}}.skip:focus{{position:static}}
@media print{{
:root{{color-scheme:light;{LIGHT}}}
@page{{margin:12mm}}
body{{font-size:10pt}}header,main{{padding:0;max-width:none}}
.skip,.up{{display:none}}
.picture{{border:none;break-inside:avoid;overflow:visible}}
.picture svg{{min-width:0;width:auto;max-width:100%;max-height:255mm;margin:auto}}
h2,h3{{break-after:avoid}}
*{{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
}}
"""
"""Of every page."""

PAGE = f"""{_BASE}
.reachable b,.allow b{{color:var(--allow)}}.blocked b,.drop b{{color:var(--drop)}}.unknown b{{color:var(--unknown)}}
.stops{{padding-left:1.2rem;margin:.3rem 0}}.stops li{{margin-bottom:.5rem}}
.sides{{display:grid;grid-template-columns:minmax(0,1fr);gap:1.25rem}}
ol.hops{{list-style:none;padding:0;margin:0}}
ol.hops>li{{border-left:4px solid var(--edge);padding:.35rem .7rem;margin:.45rem 0}}
ol.hops>li.drop{{border-left:8px double var(--drop);background:var(--wrong)}}
ol.hops>li.unknown{{border-left:6px dashed var(--unknown)}}
li:target,li:focus{{outline:3px solid var(--link);outline-offset:2px}}
li:target{{scroll-margin:5rem}}
.records{{overflow-x:auto}}.records table{{border-collapse:collapse}}
.records th,.records td{{text-align:left;vertical-align:top;padding:.25rem .7rem .25rem 0}}
.records tr{{border-bottom:1px solid var(--edge)}}
.seen b{{color:var(--allow)}}.rejected b,.not-seen b{{color:var(--drop)}}.unclear b{{color:var(--unknown)}}
.chart{{display:block;max-width:640px;width:100%;height:auto}}
.chart .field{{fill:var(--box);stroke:var(--edge)}}.chart .bar{{fill:var(--allow)}}.chart .bad{{fill:var(--drop)}}
.chart text{{fill:var(--text);font:11px {MONO}}}
.up{{font-size:.85rem}}
@media (min-width:1300px){{
.sides{{grid-template-columns:minmax(0,1.5fr) minmax(0,1fr)}}
.list{{max-height:calc(100vh - 2rem);overflow-y:auto;position:sticky;top:1rem;padding:0 .5rem 0 .2rem}}
}}
@media print{{
.sides{{display:block}}
.list{{max-height:none;overflow:visible;position:static}}
ol.hops>li,.stops li{{break-inside:avoid}}
}}
"""
"""Of a walk's page."""

_GRAPH = f"""
.sequence{{--sack:#7b3fb0}}
@media (prefers-color-scheme:dark){{.sequence{{--sack:#c79bff}}}}
@media print{{.sequence{{--sack:#7b3fb0}}}}
.sequence text{{fill:var(--text);font:11px {MONO}}}
.sequence .field{{fill:var(--ground);stroke:var(--edge)}}
.sequence path,.sequence circle{{fill:none}}
.sequence .grid{{stroke:var(--edge);stroke-width:.5;stroke-dasharray:1 4}}
.sequence .ack{{stroke:var(--allow);stroke-width:1.5}}
.sequence .window{{stroke:var(--link);stroke-width:1.5;stroke-dasharray:7 4}}
.sequence .closed{{stroke:var(--drop);stroke-width:2}}
.sequence .sack{{stroke:var(--sack);stroke-width:1.2}}
.sequence .new,.sequence .new path{{stroke:var(--text);stroke-width:1.5}}
.sequence .resent path,.sequence .reset path{{stroke:var(--drop);stroke-width:2.5}}
.sequence .resent .shape{{fill:var(--drop);stroke-width:1}}
.sequence .late path,.sequence .copy path,.sequence .probe path{{stroke:var(--unknown);stroke-width:2}}
.sequence .ring{{stroke:var(--link);stroke-width:2}}
.sequence .lead{{stroke:var(--link);stroke-width:.7}}
.sequence .number{{font-weight:bold;paint-order:stroke;stroke:var(--ground);stroke-width:3px}}
"""

_ARTICLES = f"""{_GRAPH}
.proved b{{color:var(--drop)}}.likely b,.cannot-tell b{{color:var(--unknown)}}.artefact b{{color:var(--info)}}
.healthy{{color:var(--allow);font-weight:bold}}
nav ol{{margin:.3rem 0;padding-left:1.6rem}}
main{{padding-top:0}}
article{{border-left:6px dashed var(--unknown);padding:.2rem 0 .2rem 1rem;margin:0 0 1.6rem}}
article.proved{{border-left:8px double var(--drop)}}article.artefact{{border-left:4px solid var(--edge)}}
article h2{{margin:.2rem 0}}
article:target{{outline:3px solid var(--link);outline-offset:4px}}
.sentence{{font-size:1.05rem;margin:.3rem 0 .6rem;max-width:80rem}}
dd{{grid-column:2}}
figure{{margin:.8rem 0;max-width:1100px}}
figcaption{{color:var(--quiet);font-size:.9rem;margin:.3rem 0}}
table{{border-collapse:collapse;font-size:.9rem}}th,td{{text-align:left;padding:.1rem 1rem .1rem 0}}
td{{font-family:{MONO};font-size:.85rem}}
@media print{{
figure{{break-inside:avoid}}.sentence,dl{{break-after:avoid}}
details::details-content{{content-visibility:visible;block-size:auto}}
}}
"""
"""Findings, each with its graphs."""

FINDINGS = f"{_BASE}{_ARTICLES}"
"""Of a diagnosis's page."""

REPORT = f"""{PAGE}{_ARTICLES}
.conclusion{{border:2px solid var(--edge);border-radius:6px;padding:.4rem 1rem;margin:.8rem 0;max-width:80rem}}
.conclusion.cause{{border:4px double var(--drop)}}.conclusion.works{{border-color:var(--allow)}}
.conclusion.undecided{{border:3px dashed var(--unknown)}}
.cause>p>b{{color:var(--drop)}}.works>p>b{{color:var(--allow)}}.undecided>p>b{{color:var(--unknown)}}
ol.steps{{padding-left:1.6rem}}ol.steps li{{margin-bottom:.4rem;max-width:80rem}}
.wide{{overflow-x:auto}}
.seen{{color:var(--allow)}}.rejected,.missed{{color:var(--drop)}}
"""
"""Of the report of one question."""
