"""Bytes of lists: what they say goes before what is said of them, and the list is found wherever it begins."""

import pytest

from crawler.sources.list_text import find_root, to_utf8, with_sound_references

WORDS = "<a>Größe – Žluťoučký</a>"


def declared(encoding):
    return f'<?xml version="1.0" encoding="{encoding}"?>{WORDS}'


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (declared("utf-8").encode(), None),
        (declared("utf-16").encode(), None),
        (declared("UTF-16LE").encode(), "utf-16"),
        (declared("utf-8").encode("utf-16"), None),
        (declared("utf-8").encode("utf-16-le"), "utf-8"),
        (declared("iso-8859-1").encode("utf-16-be"), None),
        (declared("utf-8").encode("utf-32"), None),
        (declared("iso-8859-1").encode(), None),
        (declared("us-ascii").encode("utf-8-sig"), None),
        (declared("iso-8859-2").replace("–", "-").encode("iso-8859-2"), "utf-8"),
        (declared("no-such-thing").encode(), None),
        (declared("zlib").encode(), "base64"),
        (b"\n<br>\n" * 3000 + declared("windows-1250").encode("windows-1250"), None),
    ],
)
def test_the_bytes_say_their_encoding(body, charset):
    assert WORDS.replace("–", "-") in to_utf8(body, charset).decode().replace("–", "-")


@pytest.mark.parametrize(
    ("text", "charset"),
    [("<a>жук</a>", "windows-1251"), ("<a>文字列</a>", "shift_jis"), ("<a>文字列</a>", "ISO-2022-JP")],
)
def test_the_charset_of_the_answer_counts_where_the_xml_declares_none(text, charset):
    assert to_utf8(text.encode(charset), charset).decode() == text
    assert (
        to_utf8(f'<?xml version="1.0" encoding="{charset}"?>{text}'.encode(charset)).decode().endswith(text)
    )


def test_a_byte_of_another_encoding_costs_itself():
    assert to_utf8("<a>é</a>".encode() + b"<b>\x93caf\xe9\x94</b>").decode() == "<a>é</a><b>“café”</b>"
    assert to_utf8(b"<a>\x00\x0bx\ty\x1f</a>").decode() == "<a>x\ty</a>"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("&#55357;&#56832;", "😀"),
        ("&#xD83D;&#xde00;!", "😀!"),
        ("a&#55357;b", "a\N{REPLACEMENT CHARACTER}b"),
        ("&#56832;&#55357;", "\N{REPLACEMENT CHARACTER}" * 2),
        ("&#0;&#x1F;&#99999999;&#x110000;x", "x"),
        ("&#9;&#xA;", "\t\n"),
        ("&#39;&#8217;&#x2019;&amp;&#55203;", "&#39;&#8217;&#x2019;&amp;힣"),
        (f"&#{'9' * 9000};", ""),
    ],
)
def test_references_to_what_is_no_character_are_mended(written, meant):
    assert with_sound_references(written.encode()).decode() == meant


BEFORE = {
    "nothing": "",
    "a declaration": '<?xml version="1.0"?>\n',
    "a comment with tags": "<!-- made by <tool@x.example>, <rss> and <urlset> -->",
    "a long comment": f"<!--{'licence terms ' * 2000}-->",
    "a style sheet": '<?xml-stylesheet href="<rss>"?>',
    "a notice": "\nNotice: Undefined index: lang in /srv/feed.php on line 12\n",
    "a warning in HTML": "<br />\n<b>Warning</b>: x in <b>/srv</b><br />" * 900,
    "a script": "<script>if (a < b) document.write('<rss>')</script>",
    "a page": "<!DOCTYPE html><html><head><title>x</title></head><body><p>x",
    "an open comment": "<!-- x ",
}


@pytest.mark.parametrize("what", BEFORE)
def test_the_root_is_found_behind_anything(what):
    before = BEFORE[what].encode()
    for tag, name in ((b"<rss version='2.0'>", "rss"), (b"<rdf:RDF>", "rdf"), (b"<sm:urlset>", "urlset")):
        root = find_root(before + tag)
        assert (root.name, root.start, root.in_page) == (name, len(before), what == "a page")


def test_where_no_list_is_the_first_element_is_told():
    assert find_root(b"x <p><b>").name == "p"
    assert find_root(b"<!doctype HTML><table>").in_page
    assert find_root(b"no element").name == ""
