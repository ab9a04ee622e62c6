"""What an outlet's file should say of its clutter, read off a handful of its pages; no gold text is needed.

1. The story's box: what holds most of the prose that cleaning kept, by the name of the element around it.
2. Cut: named elements whose text survived cleaning and that never hold the story: behind its last paragraph, or with
   the same text on several pages, or made of links.
3. Lines: the same line on at least half of the pages, in no element that has a name of its own.
4. Keep: paragraphs of the story's box that general rules took on some page, unlike on every page.
5. Each proposal is tried out: one that takes a paragraph of the story, or changes nothing, is dropped.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lxml import etree

from cleaning.cleaner import clean
from cleaning.clutter.outlet_rules import check_rules, compile_rules
from cleaning.records import NoArticle, Rules
from cleaning.text import loose_text
from cleaning.text.characters import fold, is_sentence, word_count
from cleaning.text.document import Document
from cleaning.text.shown_text import shown_text, unlinked_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lxml.html import HtmlElement

    from cleaning.records import RawPage

MIN_PAGES = 5  # fewer cannot tell what is the outlet's from what is one story's
MOST = 12  # proposals of a kind
_BLOCKS = ("p", "li", "h2", "h3", "h4", "blockquote", "figcaption", "td", "dd", "div", "span")
_INNER = frozenset(
    ["p", "li", "h1", "h2", "h3", "h4", "blockquote", "ul", "ol", "table", "div", "section", "figure"]
)
_SILENT = ("script", "style", "noscript", "template", "iframe", "svg")
_PROSE_WORDS = 8  # of a paragraph of the story
_BOX_SHARE = 0.5  # of a page's prose, in the story's box
_TWIN = 4  # paragraphs in one box: the story goes on there
_LINKED = 0.6  # of the text of what is made of links
_NAME = re.compile(r"[A-Za-z][A-Za-z_-]*(?:\d{1,2})?")
_MIXED = re.compile(
    r"[a-z]+[A-Z][A-Za-z]*|[A-Z]+[a-z]+[A-Z][A-Za-z]*"
)  # kOmjHQ; a word of the trade is longer
_BUILT = re.compile(r"(?:sc|css|jsx|dcr|emotion|svelte|i-amphtml)-")  # names that a tool gives, not an editor
_GENERIC = frozenset(
    [
        "container",
        "wrapper",
        "row",
        "col",
        "column",
        "content",
        "section",
        "inner",
        "outer",
        "block",
        "item",
        "clearfix",
        "main",
        "body",
        "text",
    ]
)

Key = Literal["cut", "keep", "lines"]


@dataclass(frozen=True, slots=True)
class Proposal:
    key: Key
    value: str  # a selector or a pattern
    pages: int  # on how many pages it does something
    why: str  # for people

    def evidence(self, of: int) -> str:
        return f"{self.why}, on {self.pages} of {of} pages"


@dataclass(frozen=True, slots=True)
class Suggestion:
    pages: int  # that held an article
    box: tuple[str, ...]  # selectors of what holds the story
    proposals: tuple[Proposal, ...]

    @property
    def rules(self) -> Rules:
        return _with(Rules(), self.proposals)

    def toml(self) -> str:
        """A [clutter] section with the evidence as comments."""
        lines = [
            "[clutter]",
            f"# read off {self.pages} pages; the story stands in {', '.join(self.box) or 'no named box'}",
        ]
        for key in ("cut", "keep", "lines"):
            found = [one for one in self.proposals if one.key == key]
            if found:
                lines += [
                    f"{key} = [",
                    *(f"    {_quoted(one.value)},  # {one.evidence(self.pages)}" for one in found),
                    "]",
                ]
        return "\n".join(lines) + "\n"


def suggest_rules(pages: Sequence[RawPage], rules: Rules | None = None) -> Suggestion:
    """pages: of one outlet; MIN_PAGES of them and more make a good suggestion. rules: what its file says already."""
    known = rules or Rules()
    seen = [one for page in pages if (one := _looked_at(page, known))]
    box = _story_boxes(seen)
    candidates = [*_cuts(seen, box), *_keeps(seen, box), *_lines(seen)]
    return Suggestion(len(seen), tuple(box), tuple(_tried(candidates, seen, box, known)))


# ---------------------------------------------------------------- one page


@dataclass(frozen=True, slots=True)
class _Seen:
    page: RawPage
    alive: list[HtmlElement]  # lxml makes an element's object anew at each visit, unless somebody holds it
    blocks: list[tuple[HtmlElement, str]]  # in order, each with its folded text
    kept: frozenset[str]  # folded lines of the text
    texts: dict[str, str]  # folded line -> line
    fields: frozenset[str]  # folded: headline, standfirst

    def is_kept(self, key: str) -> bool:
        return key in self.kept


def _looked_at(page: RawPage, rules: Rules) -> _Seen | None:
    try:
        article = clean(page, rules)
        tree = Document(page).tree
    except NoArticle:
        return None
    etree.strip_elements(tree, *_SILENT, with_tail=False)
    loose_text.wrap_loose_text(tree)
    alive = list(tree.iter())
    blocks = [
        (element, key)
        for element in tree.iter(*_BLOCKS)
        if not any(inner.tag in _INNER for inner in element.iterdescendants())
        and (key := fold(shown_text(element)))
    ]
    texts = {fold(line): line for line in article.text.splitlines()}
    fields = frozenset(fold(text) for text in (article.title, article.summary or "") if text)
    return _Seen(page, alive, blocks, frozenset(texts), texts, fields)


def _is_prose(element: HtmlElement) -> bool:
    text = shown_text(element)
    return (
        is_sentence(text)
        and word_count(text) >= _PROSE_WORDS
        and len(unlinked_text(element)) > 0.5 * len(text)
    )


def names_of(element: HtmlElement) -> Iterator[str]:
    """Selectors for an element by its id, classes and tag that will hold on other pages; the likeliest first."""
    for token in (element.get("class") or "").split():
        if name := stable(token):
            yield f".{name}" if name == token else f"[class*='{name}']"
    identity = element.get("id") or ""
    if identity and (stable(identity) == identity or identity in _GENERIC):  # one in a page
        yield f"#{identity}"
    for attribute in ("data-testid", "data-component", "itemprop"):
        value = element.get(attribute) or ""
        if stable(value) == value and value:
            yield f"[{attribute}='{value}']"
    if "-" in element.tag and re.fullmatch(r"[a-z-]+", element.tag):
        yield element.tag


def stable(token: str) -> str:
    """The name, or the part of it before what a build made up (`story__text__1FZLe` -> `story__text`); "" for nothing
    but that."""
    parts = re.split(r"([_-]+)", token)
    good: list[str] = []
    for part in parts:
        if part and not _is_word(part):
            break
        good.append(part)
    name = "" if _BUILT.match(token) else "".join(good).rstrip("_-")
    whole = name == token
    if not _NAME.fullmatch(name) or name.lower() in _GENERIC:
        return ""
    return name if whole or (len(name) >= 8 and re.search(r"[_-]", name)) else ""


def _is_word(part: str) -> bool:
    if not part.strip("_-"):
        return True
    if re.search(r"\d", part):
        return part.isdigit() and len(part) <= 2
    short = len(part) <= 7 and _MIXED.fullmatch(part)
    return not short and bool(re.search(r"[aeiouyAEIOUY]", part) or len(part) <= 3)


# ---------------------------------------------------------------- the story's box


def _story_boxes(seen: Sequence[_Seen]) -> list[str]:
    """Names of what holds most of a page's prose directly, on the most pages; one more for each page without them."""
    shares: dict[str, dict[int, float]] = defaultdict(dict)
    for number, one in enumerate(seen):
        sizes: Counter[str] = Counter()
        whole = 0
        for element, key in one.blocks:
            if one.is_kept(key) and element.getparent() is not None and _is_prose(element):
                whole += len(key)
                sizes.update(dict.fromkeys(names_of(element.getparent()), len(key)))
        for name, size in sizes.items():
            shares[name][number] = size / whole
    boxes: list[str] = []
    left = set(range(len(seen)))
    while left:
        covered = {
            name: {n for n in left if by.get(n, 0) >= _BOX_SHARE}
            for name, by in shares.items()
            if name not in boxes
        }
        best = max(covered, key=lambda name: (len(covered[name]), sum(shares[name].values())), default=None)
        if best is None or not covered[best] or (boxes and len(covered[best]) < 2):
            break
        boxes.append(best)
        left -= covered[best]
    return boxes


def _in_box(element: HtmlElement, boxes: Iterable[str]) -> bool:
    parent = element.getparent()
    return parent is not None and any(name in boxes for name in names_of(parent))


# ---------------------------------------------------------------- cuts


@dataclass(slots=True)
class _Trail:
    """What is known of a name over all pages."""

    on: set[int]
    behind: set[int]  # pages on which its text survived behind the story's last paragraph
    same: set[int]  # pages on which its text survived and stands on other pages, too
    linked: set[int]  # pages on which its text survived and is made of links
    chars: int = 0


def _cuts(seen: Sequence[_Seen], boxes: Sequence[str]) -> list[Proposal]:
    recurring = _recurring(seen)
    trails: dict[str, _Trail] = defaultdict(lambda: _Trail(set(), set(), set(), set()))
    guarded: set[str] = set()
    for number, one in enumerate(seen):
        story = _story_elements(one, boxes, recurring)
        holders = {outer for element in story for outer in (element, *element.iterancestors())}
        guarded.update(name for outer in holders for name in names_of(outer))
        order = {element: place for place, (element, _) in enumerate(one.blocks)}
        last = max((order[element] for element in story if element in order), default=len(one.blocks))
        for place, (element, key) in enumerate(one.blocks):
            if not one.is_kept(key) or _in_box(element, boxes) or key in one.fields or element in holders:
                continue
            for outer in (element, *element.iterancestors()):
                if outer in holders or outer.tag in ("body", "html", "main", "article"):
                    break
                for name in names_of(outer):
                    trail = trails[name]
                    trail.on.add(number)
                    trail.chars += len(key)
                    if place > last and story:
                        trail.behind.add(number)
                    if key in recurring:
                        trail.same.add(number)
                    text = shown_text(outer)
                    if len(text) - len(unlinked_text(outer)) > _LINKED * len(text):
                        trail.linked.add(number)
    found: list[tuple[int, Proposal]] = []
    for name, trail in trails.items():
        if name in guarded:
            continue
        reason = _reason(trail)
        if reason:
            found.append((trail.chars, Proposal("cut", name, len(trail.on), reason)))
    found.sort(key=lambda one: -one[0])
    return [one for _, one in found][: 2 * MOST]


def _story_elements(one: _Seen, boxes: Sequence[str], recurring: frozenset[str]) -> list[HtmlElement]:
    """Paragraphs of the story's box, and of a twin that holds as many as no teaser does."""
    prose = [
        element
        for element, key in one.blocks
        if one.is_kept(key) and key not in recurring and _is_prose(element)
    ]
    together = Counter(element.getparent() for element in prose)
    return [e for e in prose if _in_box(e, boxes) or together[e.getparent()] >= _TWIN]


def _reason(trail: _Trail) -> str | None:
    if trail.behind == trail.on:
        return "text behind the story's last paragraph"
    if len(trail.same) >= 2 and trail.same == trail.on:
        return "the same text"
    if len(trail.linked) >= 2 and trail.linked == trail.on:
        return "made of links, outside the story's box"
    return None


def _recurring(seen: Sequence[_Seen]) -> frozenset[str]:
    """Folded lines that survive on two pages or more."""
    counts = Counter(key for one in seen for key in one.kept)
    return frozenset(key for key, count in counts.items() if count > 1 and len(key) > 3)


# ---------------------------------------------------------------- lines and what to keep


def _lines(seen: Sequence[_Seen]) -> list[Proposal]:
    """Lines that are equal on at least half of the pages, and on three."""
    counts = Counter(key for one in seen for key in one.kept if len(key) > 3)
    texts = {key: text for one in seen for key, text in one.texts.items()}
    return [
        Proposal("lines", f"^{re.escape(texts[key])}$", count, "the same line")
        for key, count in counts.most_common(MOST)
        if count >= max(3, len(seen) / 2)
    ]


def _keeps(seen: Sequence[_Seen], boxes: Sequence[str]) -> list[Proposal]:
    """Children of the story's box that are prose, unlike on every page, and did not come through."""
    counts = Counter(key for one in seen for _, key in one.blocks)
    lost: dict[str, set[int]] = defaultdict(set)
    for number, one in enumerate(seen):
        whole = "".join(one.kept)
        for element, key in one.blocks:
            parent = element.getparent()
            if (
                element.tag not in ("p", "div")
                or parent is None
                or key in whole
                or counts[key] > 1
                or key in one.fields
            ):
                continue
            if _is_prose(element) and word_count(shown_text(element)) >= 2 * _PROSE_WORDS:
                for box in boxes:
                    if box in names_of(parent):
                        lost[f"{box} > {element.tag}"].add(number)
    return [
        Proposal("keep", name, len(numbers), "paragraphs of the story's box that did not come through")
        for name, numbers in lost.items()
    ]


# ---------------------------------------------------------------- trying out


def _tried(
    candidates: Sequence[Proposal], seen: Sequence[_Seen], boxes: Sequence[str], known: Rules
) -> Iterator[Proposal]:
    taken: list[Proposal] = []
    recurring = _recurring(seen)
    texts = {number: _text(one, known) for number, one in enumerate(seen)}
    for candidate in candidates:
        if sum(one.key == candidate.key for one in taken) >= MOST:
            continue
        for value in _forms(candidate):
            trial = replace(candidate, value=value)
            rules = _with(known, [*taken, trial])
            if check_rules(rules):
                continue
            after = {n: _text(one, rules) for n, one in enumerate(seen) if _touches(trial, one)}
            changed = [n for n, text in after.items() if text != texts[n]]
            stories = {n: _story_of(seen[n], boxes) - recurring for n in changed}
            if changed and all(_is_sound(trial, stories[n], texts[n], after[n]) for n in changed):
                trial = replace(trial, pages=len(changed))
                taken.append(trial)
                texts.update(after)
                yield trial
                break


def _forms(candidate: Proposal) -> list[str]:
    """A box that holds more than an outlet may cut at once is cut by its parts."""
    if candidate.key != "cut":
        return [candidate.value]
    return [candidate.value, *(f"{candidate.value}{' > *' * depth}" for depth in (1, 2, 3))]


def _touches(trial: Proposal, one: _Seen) -> bool:
    if trial.key == "lines":
        return any(re.search(trial.value, text, re.I) for text in one.texts.values())
    root = one.alive[0]
    sharp = compile_rules(Rules(cut=(trial.value,)))
    return bool(sharp.cut(root))


def _text(one: _Seen, rules: Rules) -> str:
    try:
        return clean(one.page, rules).text
    except NoArticle:
        return ""


def _story_of(one: _Seen, boxes: Sequence[str]) -> set[str]:
    """Folded paragraphs of the story's box that came through."""
    return {
        key
        for element, key in one.blocks
        if one.is_kept(key) and _in_box(element, boxes) and _is_prose(element)
    }


def _is_sound(trial: Proposal, story: set[str], before: str, after: str) -> bool:
    """No paragraph of the story's box is lost; what is to be kept adds some text, and what is to be cut takes some."""
    new = fold(after)
    return all(key in new for key in story) and (len(after) > len(before)) == (trial.key == "keep")


def _with(rules: Rules, proposals: Iterable[Proposal]) -> Rules:
    found: dict[str, list[str]] = {"cut": [], "keep": [], "lines": []}
    for one in proposals:
        found[one.key].append(one.value)
    return replace(
        rules,
        cut=(*rules.cut, *found["cut"]),
        keep=(*rules.keep, *found["keep"]),
        lines=(*rules.lines, *found["lines"]),
    )


def _quoted(text: str) -> str:
    """As TOML has it."""
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
