import json
import re

import pytest

import outlets
from tools import outlets_from_catalogue, outlets_table
from tools.article_patterns import patterns

ENTRY = {
    "name": "The Example (UK)",
    "home": "https://www.example.co.uk/",
    "country": "uk",
    "language": "en",
    "feeds": [{"url": "https://feeds.platform.com/example", "languages": ["cy"]}],
    "sitemaps": [
        {
            "url": "https://www.example.co.uk/map.xml",
            "keep": "posts-\\d",
            "languages": ["cy"],
            "newest_last": True,
        }
    ],
    "article_url": {"drop": "/puzzles/"},
    "sample_articles": ["https://example.org/world/a-bridge-opens-in-town-1234567"],
}


def test_an_entry_of_a_catalogue_becomes_a_file(tmp_path):
    (tmp_path / "sources.json").write_text(json.dumps([ENTRY]))
    assert outlets_from_catalogue.main(tmp_path / "sources.json", tmp_path) == 1
    outlet = outlets.read(tmp_path / "example.toml")
    assert (outlet.country, outlet.rules.timezone, outlet.rules.language) == ("gb", "Europe/London", "cy")
    assert outlet.domains == ("example.co.uk", "example.org")
    assert outlet.seen_alive is None
    assert "fundus" in outlet.facts
    assert outlet.sitemaps_allow[0].search("https://example.co.uk/posts-1.xml")
    assert outlet.newest_last
    assert outlet.wants("https://example.org/sport/a-boat-1299999")
    assert not outlet.wants("https://example.org/puzzles/a-boat-1299999")


def test_a_file_that_stands_is_never_touched(tmp_path):
    (tmp_path / "sources.json").write_text(json.dumps([ENTRY]))
    outlets_from_catalogue.main(tmp_path / "sources.json", tmp_path)
    file = tmp_path / "example.toml"
    file.write_text(file.read_text() + "# by hand\n")
    assert outlets_from_catalogue.main(tmp_path / "sources.json", tmp_path) == 0
    assert file.read_text().endswith("# by hand\n")


@pytest.mark.parametrize(
    ("name", "home", "key"),
    [
        ("The Example", "https://www.example.org", "example"),
        ("Beispiel Zeitung (BZ)", "https://bz.de/", "beispiel_zeitung"),
        ("Example (DE)", "https://de.example.com/", "example_de"),
        ("Ex-Ample", "https://ex-ample.com", "ex_ample"),
        ("Örnek", "https://taken.tr/", "taken_tr"),
    ],
)
def test_a_key_is_readable_and_free(name, home, key):
    entry = {**ENTRY, "name": name, "home": home, "country": "tr"}
    assert outlets_from_catalogue.key_of(entry, {"taken"}) == key


@pytest.mark.parametrize(
    ("sample", "other", "section"),
    [
        ("/a/b/2024/05/03/bridge-opens", "/x/2019/12/31/boat", "/2024/05/03/"),
        ("/2024/05/bridge-opens.html", "/2023/11/boat.html", "/2024/05/03"),
        ("/world/2024-05-03/bridge", "/sport/tennis/2021-01-09/boat", "/world/2024-05-03"),
        ("/story/123456789/bridge-opens", "/story/987654321/boat", "/story/"),
        ("/town/article123456789/bridge.html", "/sea/article98765432/boat.html", "/town/article.html"),
        ("/town/bridge-opens-12345678.html", "/sea/boat-1234567.html", "/town/bridge-opens.html"),
        ("/town/bridge-opens/a-12345678", "/sea/boat/a-7654321", "/town/bridge/s-12345678"),
        ("/town/bridge,UaB3dEf", "/sea/boat,VxY9zQw", "/town/bridge"),
        ("/t/bridge-0a1b2c3d-1234-4abc-8def-0123456789ab", "/boat-9a1b2c3d-1234-4abc-8def-0123456789ab", "/t/b-0a1b"),
        ("/a/Ard8wM/bridge", "/x/y/a/Qw9eRt/boat", "/a/boats"),
        ("/town/bridge-opens-in-the-town", "/sea/the-old-boat-has-gone", "/town/bridges-and-boats"),
        ("/town/%D8%AC-%D8%B3-%D8%B1-%D8%A8", "/sea/%E6%A9%8B-%E6%A9%8B-%E6%A9%8B-%E6%A9%8B", "/%E6%A9%8B"),
    ],
)  # fmt: skip
def test_a_pattern_from_one_address_knows_the_next_and_no_section(sample, other, section):
    found = [re.compile(p) for p in patterns([f"https://example.org{sample}"])]
    mine = outlets.Outlet("x", "X", "https://example.org", ("example.org",), allow=tuple(found))
    assert mine.wants(f"https://example.org{sample}")
    assert mine.wants(f"https://example.org{other}")
    assert not mine.wants(f"https://example.org{section}")


def test_the_table_in_the_document_is_current():
    text = outlets_table.DOCUMENT.read_text("utf-8")
    assert outlets_table.renewed(text) == text, "python -m tools.outlets_table writes it anew"
