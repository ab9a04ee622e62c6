"""Pages with their marks, for `scrapy suggest --marks` and `scrapy outlets --check`.

Marks come from marks files and from gold texts. Marks that are kept stand beside the outlet's file, in
`marks/<outlet>/`, each with its page: `<id>.json` and `<id>.html.gz`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scrapy.settings import Settings

from cleaning import Header, RawPage, Rules, canonical, page_id
from cleaning.rule_authoring.marks import Marks, MarksError, departures, read_marks
from cleaning.rule_authoring.rules_from_marks import MarkedPage, marked_page, marks_of_gold
from crawler.inspection.single_pages import CannotInspect, read_body, requested_pages
from crawler.outlet_files import marks_folder

MARKS_SUFFIX, GOLD_SUFFIX, PAGE_SUFFIX = ".json", ".txt", ".html.gz"


@dataclass(frozen=True, slots=True)
class MarksFile:
    """A marks file, or a gold text (marks is None)."""

    path: Path
    source: str
    marks: Marks | None

    @property
    def kept_page(self) -> Path:
        """Where the page stands that is kept with the marks."""
        return self.path.with_name(self.path.stem + PAGE_SUFFIX)


@dataclass(frozen=True, slots=True)
class Given:
    """What `scrapy suggest --marks` was given."""

    marked: list[tuple[MarksFile, RawPage]]
    unmarked: list[RawPage]

    def marked_pages(self) -> list[MarkedPage]:
        """Return the pages with their marks as rules are made from them."""
        return [
            marked_page(page, file.marks) if file.marks else marks_of_gold(page, file.source)
            for file, page in self.marked
        ]


def split_marks(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return (marks files and folders, pages) of the values of --marks, which takes all names behind it."""
    marks = [n for n in names if Path(n).suffix in (MARKS_SUFFIX, GOLD_SUFFIX) or Path(n).is_dir()]
    return marks, [name for name in names if name not in marks]


def given_pages(
    marks_names: Sequence[str], page_names: Sequence[str], outlet: str | None, settings: Settings
) -> Given:
    """Return the pages with their marks, and the other pages. Raises CannotInspect for marks that cannot be read or that
    have no page, and for pages that cannot be had."""
    files = [file for name in marks_names for file in _read(Path(name))]
    if not files:
        raise CannotInspect(
            f"--marks: expected marks files ({MARKS_SUFFIX}) or gold texts ({GOLD_SUFFIX}), or folders of them"
        )
    pages = [
        (name, page)
        for name, page in zip(page_names, requested_pages(page_names, outlet, settings), strict=True)
        if isinstance(page, RawPage) and 200 <= page.status < 300
    ]
    marked: list[tuple[MarksFile, RawPage]] = []
    for file in files:
        page = next((page for name, page in pages if _is_of(file, name, page)), None)
        if page is None and file.marks and file.kept_page.is_file():
            page = kept_page(file, outlet or file.marks.outlet)
        if page is not None:
            marked.append((file, page))
        elif file.marks:
            raise CannotInspect(
                f"{file.path}: marks of {file.marks.url}, which is none of the pages: name it too"
            )
        elif not Path(marks_names[0]).is_dir():
            raise CannotInspect(f"{file.path}: a gold text, and no page has its name ({file.path.stem}.html)")
    if not marked:
        raise CannotInspect("--marks: none of the pages has marks; a gold text has the name of its page")
    taken = {page.id for _, page in marked}
    return Given(marked, [page for _, page in pages if page.id not in taken])


def _is_of(file: MarksFile, name: str, page: RawPage) -> bool:
    """Whether marks are of a page: of the same address, or a gold text of the same file name."""
    if file.marks:
        return file.marks.url in (page.url, page.requested_url) or page_id(file.marks.url) == page.id
    return Path(name).name.split(".html")[0] == file.path.stem


def _read(path: Path) -> Iterator[MarksFile]:
    """Yield the marks file, or those of a folder. Raises CannotInspect."""
    if path.is_dir():
        for inside in sorted(path.iterdir()):
            if inside.suffix in (MARKS_SUFFIX, GOLD_SUFFIX):
                yield from _read(inside)
        return
    try:
        source = path.read_text("utf-8")
        yield MarksFile(path, source, read_marks(source) if path.suffix == MARKS_SUFFIX else None)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotInspect(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except MarksError as error:
        raise CannotInspect(f"{path}: {error}") from error


# ---------------------------------------------------------------- kept beside the outlet's file


def kept_page(file: MarksFile, outlet: str) -> RawPage:
    """Return the page that is kept with its marks. Raises CannotInspect."""
    assert file.marks
    return RawPage(
        id=page_id(file.marks.url),
        url=canonical(file.marks.url),
        requested_url=file.marks.url,
        outlet=outlet,
        status=200,
        headers=(Header("content-type", file.marks.content_type),),
        body=read_body(str(file.kept_page)),
        fetched_at=file.marks.fetched_at or datetime.now(UTC),
    )


def keep(given: Given, outlet: str) -> list[Path]:
    """Write the marks and their pages beside the outlet's file, and return the paths of the marks. Raises CannotInspect
    where they cannot be written. Gold texts are not kept."""
    folder, paths = marks_folder(outlet), []
    for file, page in given.marked:
        if file.marks:
            path = folder / f"{page.id[:16]}{MARKS_SUFFIX}"
            stated = {**json.loads(file.source), "url": page.url, "outlet": outlet}
            try:
                folder.mkdir(parents=True, exist_ok=True)
                # the page first: marks without one would be a mistake
                path.with_name(path.stem + PAGE_SUFFIX).write_bytes(gzip.compress(page.body, mtime=0))
                path.write_text(json.dumps(stated, ensure_ascii=False, indent=1) + "\n", "utf-8")
            except OSError as error:
                raise CannotInspect(f"--keep: {path}: cannot be written: {error.strerror}") from error
            paths.append(path)
    return paths


def departures_of_kept(outlet: str, rules: Rules) -> Iterator[tuple[Path, list[str]]]:
    """Yield the marks file of each page that is kept for an outlet, with where the page comes out otherwise than marked.
    Raises CannotInspect for a marks file or a page that cannot be read."""
    folder = marks_folder(outlet)
    for path in sorted(folder.glob(f"*{MARKS_SUFFIX}")):
        (file,) = _read(path)
        assert file.marks
        yield path, list(departures(kept_page(file, outlet), file.marks, rules))
