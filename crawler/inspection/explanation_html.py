"""Presents a page's explanation as one HTML file that loads nothing; for light and dark screens. Only marking (marking.py)
needs its script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from html import escape

from cleaning import RawPage
from cleaning.records import Removed
from cleaning.rule_authoring.page_explanation import PagePiece
from cleaning.wording import counted
from crawler.inspection import marking
from crawler.inspection.explanation import Explanation, stated_fields
from crawler.inspection.explanation_text import safe

FOLD_ABOVE_CHARS = 600  # a cut of more characters is folded up
_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1b1b; --quiet: #595959; --line: #d5d5d5; --mark: #fff2a8;
  --cut: 94%; --edge: 42%; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --ink: #e8e8e8; --quiet: #a9adb2; --line: #3a3e44;
  --mark: #5a4b00; --cut: 15%; --edge: 60%; } }
body { background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; max-width: 46rem;
  margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin-bottom: .25rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
a { color: inherit; } .quiet, small { color: var(--quiet); } .verdict { font-size: 1.15rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
th { white-space: nowrap; } td { overflow-wrap: anywhere; } td.quiet { overflow-wrap: normal; min-width: 8rem; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.cut { background: hsl(var(--hue) 60% var(--cut)); border-left: .3rem solid hsl(var(--hue) 60% var(--edge));
  padding: .3rem .7rem; margin: .5rem 0; font-size: .85rem; }
.cut .rule { font-family: ui-monospace, monospace; font-size: .78rem; } .cut del { display: block; }
mark { background: var(--mark); color: inherit; } summary { cursor: pointer; }
"""


def as_html(explanation: Explanation) -> str:
    """Return the HTML document."""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            f'{marking.POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Explained: {_escaped(explanation.title)}</title>\n<style>{_STYLE}{marking.STYLE}</style>\n</head>\n<body>\n<main>",
            *_heading(explanation),
            *_fields_table(explanation),
            *_story(explanation),
            *_cut_kinds_table(explanation),
            *_lake_match(explanation),
            *_signs_table(explanation),
            *_timings_table(explanation),
            *_marking(explanation),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _escaped(text: str) -> str:
    """Return text that is safe both in HTML and in a terminal."""
    return escape(safe(text))


def _heading(explanation: Explanation) -> Iterator[str]:
    lang = (
        f' lang="{_escaped(explanation.article.language)}"'
        if explanation.article and explanation.article.language
        else ""
    )
    yield f"<h1{lang}>{_escaped(explanation.title)}</h1>"
    if explanation.title != explanation.page.url:
        yield f'<p class="quiet">{_escaped(explanation.page.url)}</p>'
    if explanation.verdict.reason:
        detail = f": {_escaped(explanation.verdict.detail)}" if explanation.verdict.detail else ""
        yield f'<p class="verdict">No article ({_escaped(explanation.verdict.reason)}){detail}</p>'
    else:
        yield '<p class="verdict">Article</p>'
    if article := explanation.article:
        yield (
            f"<p>Outlet {_escaped(article.outlet)}, {counted(article.word_count, 'word')}, confidence {article.text_confidence:.2f}, "
            f"rules of cleaner {_escaped(article.cleaner_version)}</p>"
        )
    if explanation.next_page_url:
        yield f"<p>Goes on at {_escaped(explanation.next_page_url)}</p>"


def _fields_table(explanation: Explanation) -> Iterator[str]:
    rows = [
        f'<tr><th scope="row">{_escaped(name)}</th><td>{_escaped(value)}</td><td class="quiet">{_escaped(where)}</td></tr>'
        for name, value, where in stated_fields(explanation)
    ]
    rows += [
        f'<tr><th scope="row">[fields] {_escaped(name)}</th><td>{_escaped(" | ".join(texts[:5]) or "nothing found")}</td><td class="quiet">the outlet’s file</td></tr>'
        for name, texts in explanation.trace.placed_fields.items()
    ]
    yield from _table("Fields, and where they stand in the page", ("field", "value", "stands in"), rows)


def _story(explanation: Explanation) -> Iterator[str]:
    """The page in its order: text that stays, and a box for each cut."""
    if not explanation.pieces:
        return
    lang = (
        f' lang="{_escaped(explanation.article.language)}"'
        if explanation.article and explanation.article.language
        else ""
    )
    yield '<h2 id="page">The page, in its order</h2>'
    yield '<p class="quiet">Boxes with struck text were cut; above it stand kind, rule and stage.'
    yield "Marked passages stand in the matched story, too.</p>" if explanation.passages else "</p>"
    yield marking.HINT
    yield f'<section aria-labelledby="page"{lang}>'
    line_start = 0
    for piece in explanation.pieces:
        if piece.cut:
            yield _cut(piece, piece.cut)
            continue
        yield f'<p data-is="story">{_mark_passages(explanation, piece.text, line_start)}</p>'
        line_start += len(piece.text) + 1
    yield "</section>"


def _marking(explanation: Explanation) -> Iterator[str]:
    if isinstance(explanation.page, RawPage) and explanation.article and explanation.pieces:
        yield from marking.marking(explanation.page, explanation.article)


def _cut(piece: PagePiece, cut: Removed) -> str:
    """A box with one cut, under its kind, rule and stage."""
    hue = sum(cut.kind.encode()) * 137 % 360  # the same colour for a kind on every page
    label = f'<strong>{_escaped(cut.kind)}</strong> <span class="rule">{_escaped(cut.rule)}</span> <small>{cut.stage}</small>'
    text = "".join(f'<del data-is="furniture">{_escaped(line)}</del>' for line in piece.text.splitlines())
    box = f'<div class="cut" style="--hue:{hue}">'
    if len(piece.text) > FOLD_ABOVE_CHARS:
        return f"{box}<details><summary>{label} <small>{cut.chars:,} characters</small></summary>{text}</details></div>"
    return f'{box}<div class="label">{label}</div>{text}</div>'


def _mark_passages(explanation: Explanation, text: str, line_start: int) -> str:
    """Return one line as HTML, with the shared passages marked. line_start: offset of the line in the article's
    text."""
    pieces, marked_to = [], 0
    for passage in explanation.passages:
        start, end = max(passage.start - line_start, marked_to), min(passage.end - line_start, len(text))
        if start < end:
            pieces += [_escaped(text[marked_to:start]), f"<mark>{_escaped(text[start:end])}</mark>"]
            marked_to = end
    return "".join([*pieces, _escaped(text[marked_to:])])


def _cut_kinds_table(explanation: Explanation) -> Iterator[str]:
    cuts = explanation.trace.removed
    chars: Counter[str] = Counter()
    for cut in cuts:
        chars[cut.kind] += cut.chars
    rows = []
    for kind, length in chars.most_common():
        kind_cuts = [cut for cut in cuts if cut.kind == kind]
        rules = ", ".join(sorted({cut.rule for cut in kind_cuts}))
        rows.append(
            f'<tr><th scope="row">{_escaped(kind)}</th><td>{_escaped(rules)}</td>'
            f'<td class="n">{len(kind_cuts)}</td><td class="n">{length:,}</td></tr>'
        )
    yield from _table("Cut by kind", ("kind", "rules", "cuts", "characters"), rows)


def _lake_match(explanation: Explanation) -> Iterator[str]:
    landed = explanation.landed
    if landed is None:
        return
    yield "<h2>In the lake</h2>"
    yield f"<p>In {landed.table} since {landed.landed_at:%Y-%m-%d %H:%M} UTC, story {_escaped(landed.story_id)}.</p>"
    if landed.relation is None:
        yield "<p>An original: it was found to be a copy of nothing.</p>"
    elif landed.similarity is not None and landed.containment is not None:
        yield (
            f"<p><strong>{_escaped(landed.relation)}</strong>, Jaccard {landed.similarity:.2f}, containment "
            f"{landed.containment:.2f}, {counted(sum(p.words for p in explanation.passages), 'word')} in {counted(len(explanation.passages), 'shared passage')}"
        )
    if other := landed.other:
        day = f", {other.published_at:%Y-%m-%d %H:%M} UTC" if other.published_at else ""
        yield f"<p>Matched with “{_escaped(other.title)}” ({_escaped(other.outlet)}{day})<br>{_escaped(other.url)}</p>"
    rows = [
        f'<tr><th scope="row">{_escaped(link.relation)}</th><td>{_escaped(link.id)}</td>'
        f'<td class="n">{link.similarity:.2f}</td><td class="n">{link.containment:.2f}</td></tr>'
        for link in landed.links
    ]
    yield from _table("All links", ("relation", "page", "Jaccard", "containment"), rows)


def _signs_table(explanation: Explanation) -> Iterator[str]:
    if explanation.trace.signs:
        rows = [
            f'<tr><th scope="row">{name.replace("_", " ")}</th><td class="n">{value:.2f}</td></tr>'
            for name, value in asdict(explanation.trace.signs).items()
        ]
        yield from _table("Signs of confidence", ("sign", "value"), rows)


def _timings_table(explanation: Explanation) -> Iterator[str]:
    rows = [
        f'<tr><th scope="row">{_escaped(stage)}</th><td class="n">{1000 * seconds:.1f} ms</td></tr>'
        for stage, seconds in explanation.trace.stages
    ]
    yield from _table("Time", ("stage", "time"), rows)


def _table(caption: str, heads: tuple[str, ...], rows: list[str]) -> Iterator[str]:
    if rows:
        cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
        yield f"<h2>{caption}</h2>\n<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>"
        yield from rows
        yield "</tbody>\n</table>"
