import textwrap
from datetime import date

import pytest

import outlets
from outlets import OutletErrors, Selection, on_day, read

GOOD = """
    name = "The Example"
    home = "https://example.org/"
    country = "hu"
    language = "en"
    timezone = "Europe/Budapest"
    domains = ["example.org"]
    facts = "read off its pages"
    seen_alive = 2026-11-20

    [sources]
    feeds = ["https://example.org/feed"]
    news_sitemaps = ["https://example.org/news.xml"]
    sitemaps_allow = ['/posts-']
    newest_last = true
    dated_sections = ["https://example.org/{yyyy}/{m}/{dd}/"]

    [select]
    languages = ["en", "hu"]
    sections = ["world"]
    max_age_days = 2
    min_words = 80

    [articles]
    allow = ['^/20\\d\\d/']
    deny = ['^/2019/', '/amp$']
    tracking = ["wayIn"]

    [politeness]
    delay_s = 2.5

    [clutter]
    cut = [".related"]
    lines = ['^Newsletter$']
    ends = ["AI Disclaimer:"]
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="example.toml"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    return write


@pytest.mark.parametrize("domain", ["grünblatt.test", "xn--grnblatt-75a.test"])
def test_a_domain_owns_its_addresses_in_unicode_and_in_punycode(write, domain):
    outlet = read(write(GOOD.replace('["example.org"]', f'["{domain}"]')))
    assert outlet.domains == ("xn--grnblatt-75a.test",)
    for host in (
        "grünblatt.test",
        "xn--grnblatt-75a.test",
        "www.GRÜNBLATT.test.",
        "news.xn--grnblatt-75a.test:80",
    ):
        assert outlet.owns(f"https://{host}/a")
        assert outlet.wants(f"https://{host}/2026/a")
    assert not outlet.owns("https://grunblatt.test/a")


def problems_of(path):
    with pytest.raises(OutletErrors) as caught:
        read(path)
    return caught.value.problems


def test_a_sound_file_gives_an_outlet(write):
    outlet = read(write(GOOD))
    assert (outlet.key, outlet.name, outlet.delay_s, outlet.concurrency) == ("example", "The Example", 2.5, 1)
    assert not outlet.cookies
    assert read(write(GOOD.replace("delay_s = 2.5", "cookies = true"))).cookies
    assert outlet.rules.cut == (".related",)
    assert outlet.tracking == ("wayin",)
    assert outlet.rules.timezone == "Europe/Budapest"


def test_a_file_may_say_where_its_facts_come_from_and_which_articles_are_worth_a_row(write):
    outlet = read(write(GOOD))
    assert (outlet.facts, outlet.seen_alive) == ("read off its pages", date(2026, 11, 20))
    assert outlet.news_sitemaps == ("https://example.org/news.xml",)
    assert outlet.newest_last
    assert outlet.sitemaps_allow[0].search("https://example.org/posts-1.xml")
    assert outlet.selection == Selection(("en", "hu"), ("world",), 2, 80)
    assert read(write('name = "A"\nhome = "https://a.org"\ndomains = ["a.org"]')).selection == Selection()


@pytest.mark.parametrize(("told", "seen"), [('"never"', None), ('"2026-01-02"', date(2026, 1, 2))])
def test_an_outlet_may_never_have_been_seen_alive(write, told, seen):
    assert read(write(GOOD.replace("2026-11-20", told))).seen_alive == seen


def test_a_dated_section_has_one_address_for_a_day():
    template = "https://example.org/{yyyy}-{mm}-{dd}/{m}/{d}"
    assert on_day(template, date(2019, 3, 7)) == "https://example.org/2019-03-07/3/7"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://example.org/2024/a-story", True),
        ("https://www.example.org/2024/a-story", True),
        ("https://news.example.org/2024/a-story", True),
        ("https://example.org/2024/a-story/?utm_source=feed&fbclid=1#top", True),
        ("https://example.org/2019/an-old-story", False),
        ("https://example.org/2024/a-story/amp/", False),
        ("https://example.org/about", False),
        ("https://example.com/2024/a-story", False),
        ("https://badexample.org/2024/a-story", False),
        ("http://169.254.169.254/2024/a-story", False),
        ("mailto:desk@example.org", False),
    ],
)
def test_an_outlet_wants_its_articles_only(write, url, wanted):
    assert read(write(GOOD)).wants(url) is wanted


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "domains =",
            "domain =",
            ["domains: is missing", ":7: domain: unknown key; did you mean 'domains'?"],
        ),
        ("[clutter]", "[cluter]", ["cluter: unknown key; did you mean 'clutter'?"]),
        ("delay_s = 2.5", 'delay_s = "2"', [":30: politeness.delay_s: expected a number from 0 to 3600"]),
        ("delay_s = 2.5", 'cookies = "yes"', [":30: politeness.cookies: expected true or false"]),
        (
            "delay_s = 2.5",
            "concurrency = 0",
            ["politeness.concurrency: expected a whole number from 1 to 64"],
        ),
        ("allow = ['^/20", "allow = ['^/(20", ["articles.allow: ", "not a regular expression"]),
        ("allow = ['^/20", "allow = ['^/news/(a+)+$', '^/20", ["articles.allow: ", "may take for ever"]),
        ('"https://example.org/"', '"https://me:secret@example.org/"', ["home: ", "user name or password"]),
        ("Europe/Budapest", "Europe/Atlantis", [":6: timezone: expected a time zone"]),
        ('"example.org"]', '"https://example.org"]', ["domains: 'https://example.org': expected a domain"]),
        ('".related"', '"..related"', ["clutter.cut: "]),
        ("[clutter]", "[fields]\ntitle = 'h1['\n[clutter]", ["fields.title: ", "no CSS selector"]),
        (
            "[clutter]",
            "[fields]\nauthor = 'a'\n[clutter]",
            ["fields.author: unknown key; did you mean 'authors'?"],
        ),
        ("[sources]", "[sources", ["example.toml: "]),
        ('country = "hu"', 'country = "Hungary"', ["country: expected two lower-case letters"]),
        ("seen_alive = 2026-11-20", 'seen_alive = "lately"', [":9: seen_alive: expected a day as"]),
        ("{m}/{dd}", "{month}/{dd}", ["sources.dated_sections: ", "unknown placeholder {month}"]),
        ("{yyyy}/{m}/{dd}", "archive", ["sources.dated_sections: ", "expected an address with {yyyy}"]),
        ("newest_last = true", 'newest_last = "yes"', ["sources.newest_last: expected true or false"]),
        ('["world"]', '["news/world"]', ["select.sections: 'news/world': expected one segment"]),
        ('"hu"]', '"Hungarian"]', ["select.languages: 'Hungarian': expected two"]),
        ("max_age_days", "max_age", ["select.max_age: unknown key; did you mean 'max_age_days'?"]),
        ("min_words = 80", "min_words = 0.5", ["select.min_words: expected a whole number from 1"]),
        ("sitemaps_allow = ['/p", "sitemaps_allow = ['(/p", ["sources.sitemaps_allow: ", "not a regular"]),
        ('"wayIn"', '"?wayIn"', [":27: articles.tracking: '?wayIn': expected the name of a query parameter"]),
        ('"wayIn"', '"way*"', ["articles.tracking: 'way*': expected the name of a query parameter"]),
        (
            'feeds = ["https:',
            'feeds = ["ftp:',
            ["sources.feeds: ", "expected an address that begins with http"],
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(write, old, new, told):
    text = "\n".join(problems_of(write(GOOD.replace(old, new))))
    assert [part for part in told if part not in text] == []


def test_all_mistakes_are_told_at_once(write):
    text = (
        GOOD.replace("delay_s = 2.5", "delay = 2").replace("cut =", "cuts =").replace("Europe/", "Nowhere/")
    )
    assert len(problems_of(write(text))) == 3


def test_a_file_may_not_take_the_name_of_another_spider(write):
    assert "spider's name" in problems_of(write(GOOD, "urls.toml"))[0]


def test_the_bundled_outlets_are_sound():
    assert {"budapestpost", "euromaidanpress", "kyivindependent", "thedailyintake"} <= set(
        outlets.load().by_name
    )


def test_a_folder_of_ones_own_adds_and_replaces(write, tmp_path):
    write(GOOD)
    write(
        GOOD.replace("The Example", "Mine").replace("example.org", "euromaidanpress.com"),
        "euromaidanpress.toml",
    )
    found = outlets.load(str(tmp_path))
    assert found.by_name["euromaidanpress"].name == "Mine"
    assert found.find("news.example.org").key == "example"
    assert found.find("example.net") is None


def test_a_domain_belongs_to_one_outlet(write, tmp_path):
    write(GOOD)
    write(GOOD, "other.toml")
    with pytest.raises(
        OutletErrors, match=r"example\.toml and other\.toml: domains: example\.org stands in both"
    ):
        outlets.load(str(tmp_path))


def test_every_file_is_checked_before_anything_is_told(write, tmp_path):
    write(GOOD.replace("name =", "nam ="))
    write("oops", "second.toml")
    with pytest.raises(OutletErrors) as caught:
        outlets.load(str(tmp_path))
    assert {"example.toml", "second.toml"} <= {
        p.split(":")[0].rpartition("/")[2] for p in caught.value.problems
    }


@pytest.mark.parametrize(
    ("name", "article", "decoy"),
    [
        ("budapestpost", "/minister-opens-the-new-bridge-at-last", "/tag/some-long-tag-name-here"),
        ("euromaidanpress", "/2024/12/03/a-story-of-the-day/", "/category/news/"),
        ("kyivindependent", "/parliament-votes-on-the-new-budget", "/author/a-reporter-with-a-name/"),
        ("thedailyintake", "/2024/12/03/a-story-of-the-day", "/2024/12/03/a-story-of-the-day/feed/"),
    ],
)
def test_the_bundled_patterns_know_an_article(name, article, decoy):
    outlet = outlets.load().by_name[name]
    home = f"https://{outlet.domains[0]}"
    assert outlet.wants(home + article)
    assert not outlet.wants(home + decoy)
    assert not outlet.wants(home + "/")


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("name =", "nam ="),  # a misspelt key
        GOOD.replace("delay_s = 2.5", "delay_s = -1"),  # a value that is none
        GOOD + "\n[politeness",  # no TOML
        GOOD.replace("[sources]", "[sources]\nfeeds = [\n", 1),  # a list that does not end
    ],
)
def test_a_broken_file_costs_its_own_outlet_only(write, tmp_path, text):
    write(text)
    write(GOOD.replace("example.org", "other.org"), "other.toml")
    found = outlets.load_sound(str(tmp_path))
    assert "other" in found.by_name
    assert set(found.broken) == {"example"}
    assert "example.toml" in found.broken["example"].problems[0]
    assert (found.find("news.example.org"), found.broken_file_of("news.example.org")) == (None, "example")
    assert found.broken_file_of("other.org") is None


def test_a_bundled_file_does_not_stand_in_for_a_broken_one(write, tmp_path):
    write("oops", "bbc.toml")
    found = outlets.load_sound(str(tmp_path))
    assert "bbc" not in found.by_name
    assert found.find("bbc.com") is None


def test_files_that_name_one_domain_are_broken_both_and_no_other_is(write, tmp_path):
    write(GOOD)
    write(GOOD, "other.toml")
    found = outlets.load_sound(str(tmp_path))
    assert set(found.broken) == {"example", "other"}
    assert found.find("example.org") is None
    assert found.broken_file_of("example.org") in ("example", "other")


def test_a_sound_file_keeps_a_domain_that_a_broken_one_names_too(write, tmp_path):
    write(GOOD)
    write(GOOD.replace("name =", "nam ="), "other.toml")
    found = outlets.load_sound(str(tmp_path))
    assert found.find("example.org").key == "example"
    assert found.broken_file_of("example.org") is None
