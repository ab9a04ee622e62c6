"""Which page comes next, whether a page is a later one, and how pages become one article."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cleaning import clean, first_page_url, is_page_of, join_page, next_page_url
from cleaning.pagination.url_page_numbers import page_readings
from tests.cleaning.pages import STORY, html, paragraphs, raw

HOME = "https://gazette.example"
STORY_URL = f"{HOME}/harbour/bridge-closes"
MORE = (
    "On the second day the divers came back from the ninth pier with a sack full of rusted bolts and bad news.",
    "The oldest plans of the bridge lie in the archive of the bishop, who has lent them to the works office.",
    "A carpenter who had repaired the handrail in 1974 remembers how the deck sang whenever a lorry crossed it.",
)


def linked(link: str, url: str = STORY_URL, part: int = 1, head: str = ""):
    page = raw(html(f"<article><h1>Harbour bridge closes</h1>{paragraphs()}</article>{link}", head), url)
    return replace(page, part=part, part_of="first" if part > 1 else None)


# ---------------------------------------------------------------- which page comes next


@pytest.mark.parametrize(
    ("url", "link", "following"),
    [
        (STORY_URL, '<link rel="next" href="/harbour/bridge-closes?page=2">', "?page=2"),
        (STORY_URL, '<a rel="next" href="?seite=2">weiter</a>', "?seite=2"),
        (STORY_URL, "<A REL=next HREF=?seite=2>weiter</A>", "?seite=2"),
        (STORY_URL, '<div class="pagination"><a href="?page=2">2</a> <a href="?page=3">3</a></div>', "?page=2"),
        (STORY_URL, '<div class="page-links"><a href="/harbour/bridge-closes/2/">2</a></div>', "/2/"),
        (STORY_URL + "/", '<p>Pages: <a href="2/">2</a></p>', "/2/"),
        (STORY_URL, f'<a href="{STORY_URL}/page/2">Continue reading</a>', "/page/2"),
        (STORY_URL, f'<a href="{STORY_URL}/seite-2">Weiterlesen</a>', "/seite-2"),
        (STORY_URL, f'<a href="{STORY_URL}?p=2">Lire la suite</a>', "?p=2"),
        (STORY_URL, f'<a href="{STORY_URL}?pagina=2">Seguir leyendo</a>', "?pagina=2"),
        (STORY_URL, f'<a href="{STORY_URL}?page=2">Page 2 of 3</a>', "?page=2"),
        (STORY_URL, f'<a href="{STORY_URL}?page=2">Читать дальше</a>', "?page=2"),
        (STORY_URL, f'<a href="{STORY_URL}?page=2">次のページ</a>', "?page=2"),
        (STORY_URL, f'<ol class="toc"><li><a href="{STORY_URL}/seite/2">Seite 2: The divers</a></li></ol>', "/seite/2"),
        (STORY_URL, '<a href="https://www.gazette.example/harbour/bridge-closes?page=2&utm_source=x">2</a>', None),
    ],
)  # fmt: skip
def test_a_link_to_the_next_number_of_the_same_address_leads_on(url, link, following):
    found = next_page_url(linked(link, url))
    assert found is not None
    assert following is None or found == STORY_URL + following


@pytest.mark.parametrize(
    ("story", "second"),
    [
        ("/a/bridge-closes-a-1234.html", "/a/bridge-closes-a-1234-2.html"),
        ("/a/bridge,1234.html", "/a/bridge,1234,2.html"),
        ("/a/bridge_closes.html", "/a/bridge_closes_2.html"),
        ("/a/bridge.html", "/a/bridge-page-2.html"),
        ("/a/bridge.html", "/a/bridge/2.html"),
        ("/a/bridge/index.html", "/a/bridge/2.html"),
    ],
)
@pytest.mark.parametrize("label", ["2", "Next page", "Weiter auf Seite 2", "Page suivante"])
def test_a_number_behind_the_file_name_counts_where_the_link_speaks_of_a_page(story, second, label):
    assert next_page_url(linked(f'<a href="{second}">{label}</a>', HOME + story)) == HOME + second


@pytest.mark.parametrize(
    "link",
    [
        '<link rel="next" href="/harbour/ferry-sails">',  # the next article
        '<link rel="next" href="/page/2">',  # of the front page
        '<a rel="next" href="/harbour?page=2">older</a>',
        '<a rel="next" href="/harbour/bridge-closes-2">Bridge closes again</a>',  # a slug that was taken
        '<a class="next" href="/harbour/bridge-closes-2">Next</a>',
        '<a href="/harbour/bridge-closes-2">2 killed under the bridge</a>',
        '<a rel="next" href="?page=3">3</a>',  # not the next
        '<a rel="next" href="?comment-page=2">2</a>',
        '<a rel="next" href="?cpage=2">2</a>',
        '<a rel="next" href="/harbour/bridge-closes/comment-page-2/#comments">2</a>',
        '<a rel="next" href="?page=2#comments">2</a>',
        '<div id="comments"><ul class="pager"><li><a href="?page=2">2</a></li></ul></div>',
        '<section class="comment-list"><a rel="next" href="?page=2">Next</a></section>',
        '<div class="slideshow"><a href="?page=2">2</a></div>',
        '<div class="photo-gallery"><a rel="next" href="?page=2">next</a></div>',
        '<a rel="next" href="?image=2">2</a>',
        '<a rel="next" href="https://mirror.example/harbour/bridge-closes?page=2">2</a>',
        '<a href="?page=2">The ferry sails on</a>',  # says nothing of pages
        '<a rel="next" href="?year=2">2</a>',
        '<!-- <a rel="next" href="?page=2">2</a> -->',
        '<script>var next = \'<a rel="next" href="?page=2">2</a>\'</script>',
        '<a rel="next" href="http://[bad?page=2">2</a>',
        '<a rel="next" href="javascript:page(2)">2</a>',
        '<a rel="prev" href="?page=2">x</a>',
        "",
    ],
)
def test_other_links_lead_nowhere(link):
    assert next_page_url(linked(link)) is None


@pytest.mark.parametrize(
    "url", [HOME + "/live/storm", HOME + "/news/storm-live-blog", HOME + "/liveticker/sturm"]
)
def test_a_live_blog_is_never_joined(url):
    assert next_page_url(linked('<a rel="next" href="?page=2">2</a>', url)) is None


def test_what_calls_itself_a_live_blog_is_never_joined():
    told = '<script type="application/ld+json">{"@type": "LiveBlogPosting", "headline": "x"}</script>'
    assert next_page_url(linked('<a rel="next" href="?page=2">2</a>', head=told)) is None


def test_every_page_leads_to_the_number_after_its_own_and_so_never_in_a_circle():
    pager = "".join(f'<a href="/harbour/bridge-closes?page={n}">{n}</a>' for n in range(1, 5))
    second, third = (linked(pager, f"{STORY_URL}?page={n}", part=n) for n in (2, 3))
    last = linked('<a rel="next" href="?page=1">1</a><a href="?page=3">3</a>', f"{STORY_URL}?page=4", part=4)
    assert next_page_url(linked(pager)) == f"{STORY_URL}?page=2"
    assert next_page_url(second) == f"{STORY_URL}?page=3"
    assert next_page_url(third) == f"{STORY_URL}?page=4"
    assert next_page_url(last) is None


@pytest.mark.parametrize(
    "body", ["", "\0" * 99, '<a href="?page=2"', "{" * 999, "<a rel=next href=?page=2>2"]
)
def test_broken_pages_raise_nothing(body):
    next_page_url(raw(body, STORY_URL))
    first_page_url(raw(body, STORY_URL + "?page=2"))


def test_an_address_without_a_number_costs_nothing_to_read():
    assert page_readings(STORY_URL) == ()
    assert page_readings("not an address") == ()
    assert page_readings(HOME + "/?page=2") == ()  # of a front page


# ---------------------------------------------------------------- whether a page is a later one


@pytest.mark.parametrize(
    ("url", "head"),
    [
        ("?page=2", f'<link rel="canonical" href="{STORY_URL}">'),
        ("?page=3", f'<link rel="canonical" href="{STORY_URL}/">'),
        ("-2", f'<link rel="canonical" href="{STORY_URL}">'),
        ("?page=2", f'<link rel="prev" href="{STORY_URL}">'),
        ("/2", f'<a href="{STORY_URL}">1</a> 2 <a href="{STORY_URL}/3">3</a>'),
        ("?page=4", f'<div class="pager"><a href="{STORY_URL}">1</a></div>'),
        ("?page=2", f'<div class="pager"><a href="{STORY_URL}">Back</a></div>'),
    ],
)
def test_a_later_page_names_its_first(url, head):
    assert (first_page_url(linked(head, STORY_URL + url)) or "").rstrip("/") == STORY_URL


@pytest.mark.parametrize(
    ("url", "head"),
    [
        (STORY_URL, f'<link rel="canonical" href="{STORY_URL}">'),
        (STORY_URL + "-2", f'<link rel="prev" href="{STORY_URL}">'),  # yesterday's column of the same name
        (STORY_URL + "-2", f'<a href="{STORY_URL}">The bridge closes</a>'),
        (STORY_URL + "?page=2", ""),
        (STORY_URL + "?page=2", f'<div id="comments"><a href="{STORY_URL}">1</a></div>'),
        (HOME + "/news/2", f'<link rel="prev" href="{HOME}/news/1"><a href="{HOME}/news">News</a>'),
        (HOME + "/2024/12/3", f'<a href="{HOME}/2024/12">December</a>'),
        (STORY_URL + "?id=2", f'<link rel="canonical" href="{STORY_URL}">'),
    ],
)
def test_a_page_of_its_own_is_no_later_page(url, head):
    assert first_page_url(linked(head, url)) is None


# ---------------------------------------------------------------- whether what answered is the next part


def article(url=STORY_URL, texts=STORY, title="Harbour bridge closes", head="", before=""):
    page = raw(html(f"<article><h1>{title}</h1>{before}{paragraphs(texts)}</article>", head), url)
    return replace(clean(page), title=title)


@pytest.mark.parametrize(
    ("url", "canonical", "expected"),
    [
        ("?page=2", "", True),
        ("?page=2", STORY_URL, True),
        ("?page=2", STORY_URL + "?page=2", True),
        ("?page=2", HOME + "/harbour/ferry", False),
        ("", "", False),  # sent back to the first
        ("?page=3", "", False),
        ("/elsewhere", "", False),
    ],
)
def test_an_answer_is_a_part_where_address_and_canonical_say_so(url, canonical, expected):
    head = f'<link rel="canonical" href="{canonical}">' if canonical else ""
    assert is_page_of(article(), article(STORY_URL + url, MORE, head=head), 2) is expected


def test_a_daily_column_with_a_number_in_its_address_is_another_article():
    def day(n, url):
        told = f'<meta property="article:published_time" content="2024-12-0{n}T06:00:00Z">'
        return article(HOME + url, STORY, "Good morning", head=told)

    assert not is_page_of(day(1, "/good-morning"), day(2, "/good-morning-2"), 2)
    assert is_page_of(day(1, "/good-morning"), day(1, "/good-morning-2"), 2)
    other = replace(day(1, "/good-morning-2"), title="The bridge closes")
    assert not is_page_of(day(1, "/good-morning"), other, 2)


# ---------------------------------------------------------------- joined


def test_parts_are_joined_in_order_and_repetitions_are_removed():
    teaser = "Harbour bridge closes: all that is known so far about the repair of the nine piers."
    first = article(texts=(*STORY, "Continue reading on page 2"))
    second = article(STORY_URL + "?page=2", (STORY[0], *MORE, STORY[-1], teaser))
    joined = join_page(replace(first, summary=teaser), second)
    assert joined
    assert joined.text.splitlines() == [*STORY, *MORE]
    assert (joined.title, joined.id, joined.parts) == (first.title, first.id, 2)
    assert joined.word_count > first.word_count
    assert joined.content_hash != first.content_hash
    gone = [(cut.kind, cut.text) for cut in joined.removed]
    assert {("repeated", STORY[0]), ("repeated", teaser)} <= {*gone}
    assert any("page 2" in text for _, text in gone)


def test_a_short_line_may_stand_twice_in_a_story():
    second = article(STORY_URL + "?page=2", (MORE[0], "“No comment.”", MORE[1]))
    first = replace(article(), text="\n".join([STORY[0], "“No comment.”", STORY[1]]))
    second = replace(second, text="\n".join([MORE[0], "“No comment.”", MORE[1]]))
    joined = join_page(first, second)
    assert joined
    assert joined.text.splitlines()[3:] == [MORE[0], "“No comment.”", MORE[1]]


def test_at_the_ends_of_a_part_short_repetitions_go_too():
    first = replace(article(), text="\n".join([STORY[0], "The bridge", STORY[1]]))
    second = replace(
        article(STORY_URL + "?page=2", MORE), text="\n".join(["The bridge", *MORE, "The bridge"])
    )
    joined = join_page(first, second)
    assert joined
    assert joined.text.splitlines()[3:] == [*MORE]


def test_a_page_that_repeats_the_first_adds_nothing():
    """As a site answers that does not know the parameter."""
    assert join_page(article(), article(STORY_URL + "?page=2")) is None


def test_what_was_cut_as_the_standfirst_of_a_later_page_is_text():
    end = (
        "Nobody knows yet who will pay for the scaffold that a gale took into the harbour on Thursday night.",
    )
    standfirst = f'<p class="standfirst">{MORE[0]}</p>'
    second = article(STORY_URL + "?page=2", (*MORE[1:], *end), before=standfirst)
    assert MORE[0] not in second.text
    joined = join_page(article(), second)
    assert joined
    assert joined.text.splitlines() == [*STORY, *MORE, *end]


def test_pictures_are_united():
    def pictured(url, name, texts):
        figure = f'<figure><img src="/{name}.jpg" width="800" height="600"><figcaption>The {name}</figcaption></figure>'
        return article(url, texts, before=figure)

    joined = join_page(pictured(STORY_URL, "pier", STORY), pictured(STORY_URL + "?page=2", "ferry", MORE))
    assert joined
    assert [image.url.rpartition("/")[2] for image in joined.images] == ["pier.jpg", "ferry.jpg"]


def test_the_date_and_the_author_are_the_first_pages():
    told = '<meta property="article:published_time" content="2024-12-03T06:00:00Z"><meta name="author" content="Ada Reed">'
    joined = join_page(article(head=told), article(STORY_URL + "?page=2", MORE))
    assert joined
    assert joined.published_at == datetime(2024, 12, 3, 6, tzinfo=UTC)
    assert joined.authors == ("Ada Reed",)
