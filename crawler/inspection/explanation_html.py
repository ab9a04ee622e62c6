"""A page explained, as one HTML file: no script, nothing loaded from elsewhere, light and dark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from html import escape

from cleaning.authoring.page_explanation import PagePiece
from cleaning.records import Removed
from crawler.inspection.explanation import Explanation, fields
from crawler.inspection.explanation_text import safe

LONG = 600  # characters of a cut; a longer one is folded up
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


def as_html(told: Explanation) -> str:
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Explained: {_shown(told.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
            *_top(told),
            *_fields(told),
            *_story(told),
            *_kinds(told),
            *_match(told),
            *_signs(told),
            *_timings(told),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _shown(text: str) -> str:
    return escape(safe(text))


def _top(told: Explanation) -> Iterator[str]:
    lang = f' lang="{_shown(told.article.language)}"' if told.article and told.article.language else ""
    yield f"<h1{lang}>{_shown(told.title)}</h1>"
    if told.title != told.page.url:
        yield f'<p class="quiet">{_shown(told.page.url)}</p>'
    if told.verdict.reason:
        detail = f": {_shown(told.verdict.detail)}" if told.verdict.detail else ""
        yield f'<p class="verdict">No article ({_shown(told.verdict.reason)}){detail}</p>'
    else:
        yield '<p class="verdict">Article</p>'
    if article := told.article:
        yield (
            f"<p>Outlet {_shown(article.outlet)}, {article.word_count} words, confidence {article.text_confidence:.2f}, "
            f"rules of cleaner {_shown(article.cleaner_version)}</p>"
        )
    if told.next_page_url:
        yield f"<p>Goes on at {_shown(told.next_page_url)}</p>"


def _fields(told: Explanation) -> Iterator[str]:
    rows = [
        f'<tr><th scope="row">{_shown(name)}</th><td>{_shown(value)}</td><td class="quiet">{_shown(where)}</td></tr>'
        for name, value, where in fields(told)
    ]
    yield from _table("Fields, and where they stand in the page", ("field", "value", "stands in"), rows)


def _story(told: Explanation) -> Iterator[str]:
    if not told.pieces:
        return
    lang = f' lang="{_shown(told.article.language)}"' if told.article and told.article.language else ""
    yield '<h2 id="page">The page, in its order</h2>'
    yield '<p class="quiet">Boxes with struck text were cut; above it stand kind, rule and stage.'
    yield "Marked passages stand in the matched story, too.</p>" if told.passages else "</p>"
    yield f'<section aria-labelledby="page"{lang}>'
    at = 0
    for piece in told.pieces:
        if piece.cut:
            yield _cut(piece, piece.cut)
            continue
        yield f"<p>{_marked(told, piece.text, at)}</p>"
        at += len(piece.text) + 1
    yield "</section>"


def _cut(piece: PagePiece, cut: Removed) -> str:
    hue = sum(cut.kind.encode()) * 137 % 360  # one kind, one colour, on every page
    about = f'<strong>{_shown(cut.kind)}</strong> <span class="rule">{_shown(cut.rule)}</span> <small>{cut.stage}</small>'
    text = "<br>".join(_shown(line) for line in piece.text.splitlines())
    box = f'<div class="cut" style="--hue:{hue}">'
    if len(piece.text) > LONG:
        return f"{box}<details><summary>{about} <small>{cut.chars:,} characters</small></summary><del>{text}</del></details></div>"
    return f"{box}{about}<del>{text}</del></div>"


def _marked(told: Explanation, text: str, at: int) -> str:
    """The line that begins at this character of the story's text, with the shared passages marked."""
    parts, here = [], 0
    for passage in told.passages:
        start, end = max(passage.start - at, here), min(passage.end - at, len(text))
        if start < end:
            parts += [_shown(text[here:start]), f"<mark>{_shown(text[start:end])}</mark>"]
            here = end
    return "".join([*parts, _shown(text[here:])])


def _kinds(told: Explanation) -> Iterator[str]:
    cuts = told.trace.removed
    chars: Counter[str] = Counter()
    for cut in cuts:
        chars[cut.kind] += cut.chars
    rows = []
    for kind, length in chars.most_common():
        of_kind = [cut for cut in cuts if cut.kind == kind]
        rules = ", ".join(sorted({cut.rule for cut in of_kind}))
        rows.append(
            f'<tr><th scope="row">{_shown(kind)}</th><td>{_shown(rules)}</td>'
            f'<td class="n">{len(of_kind)}</td><td class="n">{length:,}</td></tr>'
        )
    yield from _table("Cut by kind", ("kind", "rules", "cuts", "characters"), rows)


def _match(told: Explanation) -> Iterator[str]:
    landed = told.landed
    if landed is None:
        return
    yield "<h2>In the lake</h2>"
    yield f"<p>In {landed.table} since {landed.landed_at:%Y-%m-%d %H:%M} UTC, story {_shown(landed.story_id)}.</p>"
    if landed.relation is None:
        yield "<p>An original: it was found to be a copy of nothing.</p>"
    elif landed.similarity is not None and landed.containment is not None:
        yield (
            f"<p><strong>{_shown(landed.relation)}</strong>, Jaccard {landed.similarity:.2f}, containment "
            f"{landed.containment:.2f}, {sum(p.words for p in told.passages)} words in {len(told.passages)} shared passages"
        )
    if other := landed.other:
        day = f", {other.published_at:%Y-%m-%d %H:%M} UTC" if other.published_at else ""
        yield f"<p>Matched with “{_shown(other.title)}” ({_shown(other.outlet)}{day})<br>{_shown(other.url)}</p>"
    rows = [
        f'<tr><th scope="row">{_shown(link.relation)}</th><td>{_shown(link.id)}</td>'
        f'<td class="n">{link.similarity:.2f}</td><td class="n">{link.containment:.2f}</td></tr>'
        for link in landed.links
    ]
    yield from _table("All links", ("relation", "page", "Jaccard", "containment"), rows)


def _signs(told: Explanation) -> Iterator[str]:
    if told.trace.signs:
        rows = [
            f'<tr><th scope="row">{name.replace("_", " ")}</th><td class="n">{value:.2f}</td></tr>'
            for name, value in asdict(told.trace.signs).items()
        ]
        yield from _table("Signs of confidence", ("sign", "value"), rows)


def _timings(told: Explanation) -> Iterator[str]:
    rows = [
        f'<tr><th scope="row">{_shown(stage)}</th><td class="n">{1000 * seconds:.1f} ms</td></tr>'
        for stage, seconds in told.trace.stages
    ]
    yield from _table("Time", ("stage", "time"), rows)


def _table(caption: str, heads: tuple[str, ...], rows: list[str]) -> Iterator[str]:
    if rows:
        cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
        yield f"<h2>{caption}</h2>\n<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>"
        yield from rows
        yield "</tbody>\n</table>"
