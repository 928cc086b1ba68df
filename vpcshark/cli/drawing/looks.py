"""Colours and style sheets of the picture and the page, light, dark and on paper. Must not know what is drawn.

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

PAGE = f"""
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
.reachable b,.allow b{{color:var(--allow)}}.blocked b,.drop b{{color:var(--drop)}}.unknown b{{color:var(--unknown)}}
.stops{{padding-left:1.2rem;margin:.3rem 0}}.stops li{{margin-bottom:.5rem}}
.sides{{display:grid;grid-template-columns:minmax(0,1fr);gap:1.25rem}}
.picture{{align-self:start;overflow-x:auto;border:1px solid var(--edge);border-radius:6px}}
.picture svg{{display:block;width:100%;min-width:640px;height:auto}}
ol.hops{{list-style:none;padding:0;margin:0}}
ol.hops>li{{border-left:4px solid var(--edge);padding:.35rem .7rem;margin:.45rem 0}}
ol.hops>li.drop{{border-left:8px double var(--drop);background:var(--wrong)}}
ol.hops>li.unknown{{border-left:6px dashed var(--unknown)}}
li:target,li:focus{{outline:3px solid var(--link);outline-offset:2px}}
li:target{{scroll-margin:5rem}}
dl{{display:grid;grid-template-columns:6.5rem 1fr;gap:.1rem .7rem;margin:.2rem 0}}
dt{{color:var(--quiet)}}dd{{margin:0}}
:focus-visible{{outline:3px solid var(--link);outline-offset:2px}}
.hidden{{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}}
.up{{font-size:.85rem}}
.skip{{position:absolute;left:-99rem}}.skip:focus{{position:static}}
@media (min-width:1300px){{
.sides{{grid-template-columns:minmax(0,1.5fr) minmax(0,1fr)}}
.list{{max-height:calc(100vh - 2rem);overflow-y:auto;position:sticky;top:1rem;padding:0 .5rem 0 .2rem}}
}}
@media print{{
:root{{color-scheme:light;{LIGHT}}}
@page{{margin:12mm}}
body{{font-size:10pt}}header,main{{padding:0;max-width:none}}
.sides{{display:block}}.skip,.up{{display:none}}
.picture{{border:none;break-inside:avoid;overflow:visible}}
.picture svg{{min-width:0;width:auto;max-width:100%;max-height:255mm;margin:auto}}
.list{{max-height:none;overflow:visible;position:static}}
ol.hops>li,.stops li{{break-inside:avoid}}h2,h3{{break-after:avoid}}
*{{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
}}
"""
