"""Whose group of robots.txt is ours: by product token, as RFC 9309, 2.2.1 has it."""

import pytest

from crawler.politeness.robots_rules import ProductTokenParser, product_token

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
