"""What the sources of an outlet mean for its crawl: whether it failed, and what the last line says of them.

Pure functions of the sources' facts (crawler/sources/source.py, Source.facts). A source has failed where it gave no
answer that can be read (`error`), an answer of which nothing can be used (`unusable`), or one without its end (`torn`).
A sitemap index stands and falls with the sitemaps that it names; one of these whose entries are all of long ago by
their lastmod (`frozen`) is none to stand on. A list that is valid and empty has not failed, nor
has one that was read up to a limit of ours (`capped`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cleaning.wording import counted

Facts = Mapping[str, Any]  # of one source
Sources = Mapping[str, Facts]  # by URL
_BOUNDS = {  # name in `capped` → setting
    "bytes": "SITEMAP_BYTES",
    "entries": "SITEMAP_ENTRIES",
    "followed": "SOURCE_ENTRIES",
    "files": "SITEMAP_FILES",
    "pages": "SECTION_PAGES",
}


def failure_of(facts: Facts) -> str | None:
    """Why a source by itself has failed; None where it has not."""
    if facts.get("error"):
        return str(facts["error"])
    if facts.get("unusable"):
        return str(facts["unusable"])
    return str(facts.get("damaged")) if facts.get("torn") else None


def why_failed(sources: Sources) -> str | None:
    """Why a crawl with these sources has failed: none of them is left. None: one is, or none was asked for."""
    roots = [url for url in sources if _is_root(url, sources)]
    if not roots or not all(_has_failed(url, sources) for url in roots):
        return None
    failures = [
        (url, why) for url, facts in sources.items() if (why := failure_of(facts) or facts.get("frozen"))
    ]
    if not failures:  # there is only a home page, and the crawl ended before it was looked at
        return None
    answered = any(not sources[url].get("error") for url, _ in failures)
    return f"{'every source failed' if answered else 'no source answered'}: {_example(failures)}"


def findings(sources: Sources) -> Iterator[str]:
    """For the last line of a crawl that these sources did not fail: those that failed, that list nothing usable, and
    that were read only in part, as how many there are and one of them with the reason."""
    if why_failed(sources):
        return
    failed, unusable, partial = [], [], []
    for url, facts in sources.items():
        if facts.get("error") and facts.get("kind") != "home":  # which was only a way to look for others
            failed.append((url, str(facts["error"])))
        elif (why := facts.get("unusable") or facts.get("frozen")) and (
            _is_root(url, sources) or _has_failed(facts["named_by"], sources)
        ):
            unusable.append((url, str(why)))
        if why := _why_partial(facts):
            partial.append((url, why))
    for cases, what in (
        (failed, "failed"),
        (unusable, "listed nothing usable"),
        (partial, "read only in part"),
    ):
        if cases:
            yield f"{counted(len(cases), 'source')} {what}: {_example(cases)}"


def _why_partial(facts: Facts) -> str | None:
    if facts.get("damaged") and not facts.get("error"):
        return str(facts["damaged"])
    bounds = [f"{_BOUNDS.get(name, name)} ({reached})" for name, reached in facts.get("capped", {}).items()]
    return f"as far as {', '.join(bounds)} goes" if bounds else None


def _is_root(url: str, sources: Sources) -> bool:
    return sources[url].get("named_by") not in sources


def _has_failed(url: str, sources: Sources) -> bool:
    facts = sources[url]
    if failure_of(facts) or facts.get("frozen"):
        return True
    if facts.get("kind") == "home":  # only a way to sources, unless its own links are followed
        return not facts.get("found") and len(sources) > 1
    children = [child for child, named in sources.items() if named.get("named_by") == url]
    return bool(children) and all(_has_failed(child, sources) for child in children)


def _example(cases: list[tuple[str, str]]) -> str:
    url, why = cases[0]
    return f"{url}: {why}" + (f", and {len(cases) - 1} more" if len(cases) > 1 else "")
