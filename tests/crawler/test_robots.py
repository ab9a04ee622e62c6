"""Whose group of robots.txt is ours: by product token, as RFC 9309, 2.2.1 has it; and what a robots.txt may cost."""

import gzip
import random
import time

import pytest
from protego import Protego
from scrapy.exceptions import DownloadFailedError

from crawler.politeness.robots_rules import ProductTokenParser, TooManyRules, product_token
from crawler.politeness.well_known import _unpacked

URL = "https://gazette.example/news/a"


def parser(text):
    return ProductTokenParser(text.encode(), None)


@pytest.mark.parametrize(
    "line",
    [
        "User-agent: pressline",
        "User-agent: Pressline/1.0",
        "User-agent: PRESSLINE/2.0 (+https://who.example)",
        "user-agent:Pressline (news)",
        "User Agent: Pressline/0.1 # ours",
        "User-Agent Pressline/0.1",
        "\ufeffUser-agent: Pressline/0.1",
        "User-agent: other\nUser-agent: Pressline/1.0",
    ],
)
def test_a_group_that_names_the_token_is_ours(line):
    rules = parser(f"{line}\nDisallow: /news/\nCrawl-delay: 7\n\nUser-agent: *\nDisallow: /all/\n")
    for agent in ("pressline", "pressline/0.1 (+a@b.example)"):
        assert not rules.allowed(URL, agent)
        assert rules.allowed("https://gazette.example/all/a", agent)
        assert rules.crawl_delay(agent) == 7


@pytest.mark.parametrize(
    "line",
    [
        "User-agent: press",
        "User-agent: p",
        "User-agent: pressline-images",
        "User-agent: pressline2/1.0",
        "User-agent: Mozilla/5.0 (compatible; Pressline/1.0)",
        "User-agent: # Pressline",
        "User-agent: press*",
    ],
)
def test_a_group_that_names_another_is_not(line):
    rules = parser(f"{line}\nDisallow: /news/\n\nUser-agent: *\nDisallow: /all/\n")
    assert rules.allowed(URL, "pressline")
    assert not rules.allowed("https://gazette.example/all/a", "pressline")


@pytest.mark.parametrize(
    "line", ["User-agent: *", "user-agent:*", "User-agent: * # all", "User-agent: * (all)"]
)
def test_the_group_for_all_holds_where_none_is_ours(line):
    rules = parser(f"{line}\nDisallow: /news/\n")
    assert not rules.allowed(URL, "pressline")
    assert rules.allowed("https://gazette.example/", "pressline")


def test_two_groups_of_ours_are_one_and_an_empty_one_allows_all():
    rules = parser("User-agent: pressline/1\nDisallow: /a\n\nUser-agent: Pressline/2\nDisallow: /b\n")
    assert [rules.allowed(f"https://x.example{p}", "pressline") for p in ("/a", "/b", "/c")] == [
        False,
        False,
        True,
    ]
    assert parser("User-agent: Pressline/1\nDisallow:\n\nUser-agent: *\nDisallow: /\n").allowed(
        URL, "pressline"
    )


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("Pressline/1.0", "pressline"),
        ("GPTBot", "gptbot"),
        ("Mail.RU_Bot", "mail"),
        ("*", "*"),
        ("*bot", ""),
        ("", ""),
    ],
)
def test_a_product_token_ends_where_its_letters_end(text, token):
    assert product_token(text) == token


def test_the_rules_are_those_that_protego_reads():
    """On files without versions, in which the two agree on the groups."""
    draw = random.Random(14)
    names = ("pressline", "*", "otherbot", "")
    paths = ("/", "/a", "/a/b", "/a*b", "/*.html$", "/b$", "", "/%61", "/index.html")
    fields = (
        "Disallow",
        "Allow",
        "disalow",
        "Crawl-delay",
        "Sitemap",
        "Host",
        "Foo",
        "Request-rate",
        "useragent",
    )

    def line():
        if draw.random() < 0.4:
            return f"User-agent{draw.choice((':', ': ', ' '))}{draw.choice(names)}"
        value = f"{draw.choice(paths)}{draw.choice(('', ' # why'))}"
        return draw.choice((f"{draw.choice(fields)}: {value}", f"Disallow {value}", "two words", "", "# no"))

    for _ in range(1500):
        text = draw.choice(("\n", "\r\n", "\r")).join(line() for _ in range(draw.randint(1, 9)))
        theirs, ours = Protego.parse(text), parser(text)
        for path in ("/", "/a/b", "/acb", "/x.html", "/b", "/index.html"):
            url = f"https://x.example{path}"
            assert ours.allowed(url, "pressline") == theirs.can_fetch(url, "pressline"), text
        assert ours.crawl_delay("pressline") == theirs.crawl_delay("pressline"), text
        assert ours.sitemaps == list(theirs.sitemaps), text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\0\n"])
def test_rules_in_any_encoding_hold(encoding, end):
    body = end.join(["User-agent: *", "Disallow: /news/", ""]).encode(encoding)
    assert not ProductTokenParser(body, None).allowed(URL, "pressline")


# ---------------------------------------------------------------- what it may cost

LONG = "https://gazette.example/" + "a" * 2050
SIZE = 500 * 1024


def fill(line, size=SIZE):
    return line * (size // len(line))


AGENTS = "".join(f"User-agent: bot{n}\n" for n in range(12_000))
NEEDLE = f"Disallow: /*{'a' * 45}b{'a' * 45}\n"  # the worst that str.find() can be asked for


@pytest.mark.parametrize(
    "text",
    [
        AGENTS + fill("Disallow: /b\n", SIZE - len(AGENTS)),
        AGENTS + "User-agent: *\n" + fill("Disallow: /b\n", SIZE - len(AGENTS)),
        "User-agent: *\nAllow: /\n" + "".join(f"Disallow: /{n}\n" for n in range(25_000)),
        "User-agent: *\n" + fill(NEEDLE, 2**16),
        "User-agent: *\nDisallow: /" + fill("*a", 2**16 - 20) + "b\n",
        "User-agent: *\nDisallow: /" + fill("%41"),
        "User-agent: *\n" + fill(":\n"),
        fill("User-agent: *\nAllow: /\n"),
        "User-agent" + fill(" ") + "x",
        fill("\r"),
        fill("Sitemap: /a\n"),
    ],
)
def test_what_a_file_costs_grows_with_its_length_alone(text):
    """Bounds of processor time, several times of what is needed; the product of agents and rules took 40 s."""
    began = time.thread_time()
    rules = ProductTokenParser(text.encode()[:SIZE], None)
    assert time.thread_time() - began < 1.5
    began = time.thread_time()
    rules.allowed(LONG, "pressline")
    rules.forbidden_to(LONG)
    assert time.thread_time() - began < 0.25
    if rules.is_quick:
        began = time.thread_time()
        rules.allowed(LONG, "pressline")
        assert time.thread_time() - began < 0.005


def test_rules_that_cannot_be_matched_in_time_are_not_passed_over():
    many = "".join(f"Disallow: /*/section-{n}/\n" for n in range(4000))
    with pytest.raises(TooManyRules, match=r"patterns with \* for pressline have \d+ characters"):
        parser(f"User-agent: pressline\n{many}")
    assert not parser(f"User-agent: pressline\nDisallow: /news/\nUser-agent: *\n{many}").allowed(
        URL, "pressline"
    )


def test_evidence_is_what_is_left_out():
    many = "".join(f"Disallow: /{n}\n" for n in range(15_000))
    rules = parser(
        f"User-agent: one\nUser-agent: two\nDisallow: /news/\n\nUser-agent: big\n{many}\nUser-agent: bigger\n{many}\n"
        "User-agent: three\nDisallow: /news/\n\nUser-agent: *\nDisallow: /all/\n"
    )
    assert rules.forbidden_to(URL) == ["one", "two", "three"]
    assert rules.other_agents == ["one", "two", "big", "three"]
    assert not rules.is_evidence_whole
    assert not rules.allowed("https://x.example/all/", "pressline")


def test_a_packed_robots_txt_is_unpacked_up_to_its_bound():
    whole = b"User-agent: *\n" * 10
    assert _unpacked(gzip.compress(whole), 1000) == whole
    assert _unpacked(gzip.compress(whole) + gzip.compress(b"Allow: /"), 1000) == whole + b"Allow: /"
    assert len(_unpacked(gzip.compress(bytes(10**7)), 1000)) == 1000
    for broken in (gzip.compress(whole)[:-9], gzip.compress(whole)[:12] + b"x" * 20):
        with pytest.raises(DownloadFailedError):
            _unpacked(broken, 1000)
