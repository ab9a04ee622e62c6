"""Pages that the tests of this folder write themselves, as small strings."""

from __future__ import annotations

from datetime import UTC, datetime

from cleaning import Article, Header, RawPage, Rules, clean, page_id

NOW = datetime(2024, 12, 4, 12, 0, tzinfo=UTC)
URL = "https://gazette.example/2024/12/03/harbour-bridge-closes-for-a-year"

STORY = (
    "The harbour bridge will close for a year from Monday, the council decided late on Tuesday after a long debate.",
    "Engineers had found cracks in four of the nine piers, and the repair is expected to cost eleven million crowns.",
    "“We could not wait for another winter,” said the head of the works office, who had asked for the money since spring.",
    "Shopkeepers on the island fear for their trade, and a ferry will carry people on foot between the two quays.",
    "The council will look at the ferry timetable again in March, when the first pier should be finished.",
)


def paragraphs(texts: tuple[str, ...] = STORY) -> str:
    return "".join(f"<p>{text}</p>\n" for text in texts)


def html(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>Harbour bridge closes</title>{head}</head><body>{body}</body></html>"


def story(before: str = "", after: str = "", head: str = "") -> str:
    """A plain page: headline, what comes before, the story, what comes after, in one article."""
    return html(f"<article><h1>Harbour bridge closes</h1>{before}{paragraphs()}{after}</article>", head)


def raw(body: str | bytes, url: str = URL, content_type: str = "text/html; charset=utf-8") -> RawPage:
    return RawPage(
        id=page_id(url),
        url=url,
        requested_url=url,
        outlet="gazette",
        status=200,
        headers=(Header("content-type", content_type),),
        body=body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body,
        fetched_at=NOW,
    )


def cleaned(body: str | bytes, rules: Rules | None = None, url: str = URL) -> Article:
    return clean(raw(body, url), rules or Rules())
