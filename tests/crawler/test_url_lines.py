"""Lists of addresses: how lines end, which column holds the address, and what is told of the rest."""

import pytest

from crawler.sources.lists import read_list
from crawler.sources.url_lines import read_lines

A, B = "https://example.org/a", "https://example.org/b"


def addresses(text):
    return [address for line in read_lines(text.encode()) for address in line.addresses]


@pytest.mark.parametrize(
    "text",
    [
        f"{A}\n{B}",
        f"{A}\r\n{B}\r\n",
        f"{A}\r{B}\r",
        f"# ours\n\n  {A}  \n{B}",
        f"{A} {B}",
        f"{A}\t{B}",
        f"{A},{B}",
        f"{A}; {B}",
        f"<{A}>\n'{B}'",
        f'"{A}"\n"{B}"',
        f"url\n{A}\n{B}",
        f"{A}\tOne\n{B}\tTwo, and three",
        f"1\t{A}\n2\t{B}",
        f"{A},2026-11-30,news\n{B},2026-11-29,sport",
        f"{A},The first\n{B},second",
        f"1,{A},x\n2,{B},y",
        f"title,url,image\nOne,{A},https://img.example/1.jpg\nTwo,{B},https://img.example/2.jpg",
        f"url,title\n{A},one\n{B},two",
        f'"Title, with a comma","{A}"\n"Other","{B}"',
        f"{A};30.11.2026\n{B};29.11.2026",
        f"{A},news\n{B},sport",
        f"Titel|Adresse\nEins|{A}\nZwei|{B}",
    ],
)
def test_the_addresses_are_found(text):
    assert addresses(text) == [A, B]


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/0,1518,123,00.html",
        "https://example.org/7,75968,123,a-title-of-words",
        "https://example.org/a;v=1?x=2,3",
        "https://example.org/map/@48.1,11.5,12z",
        "https://example.org/a|b",
    ],
)
def test_an_address_keeps_what_could_separate_columns(address):
    assert addresses(address) == [address]
    assert addresses(f"{address}\n{A}\n{address}x") == [address, A, f"{address}x"]


def test_a_line_that_cannot_be_used_is_told_with_its_number():
    lines = list(read_lines(f"# list\n{A}\n\n{A} and more\nftp://example.org/x\n{B}\n".encode()))
    assert [(line.number, line.addresses) for line in lines] == [(2, [A]), (4, []), (5, []), (6, [B])]


def test_a_list_of_columns_is_told_by_its_first_line_as_by_its_thousandth():
    text = "".join(f"https://example.org/{n},word\n" for n in range(3000))
    assert addresses(text) == [f"https://example.org/{n}" for n in range(3000)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_sitemap_of_lines_is_read_in_any_encoding(encoding, end):
    found = read_list(end.join([A, B]).encode(encoding), "https://example.org/sitemap.txt")
    assert [page.url for page in found.pages] == [A, B]


@pytest.mark.parametrize(
    "ends",
    [
        ("a-title,79cfc278", "b-title,1l2m3n4o"),
        ("a-title,nId,7654321", "b-title,nId,7654322"),
        ("a;2231", "b;2232"),
        ("a|x1", "b|y2"),
        ("a,mid-east", "b,us-west"),
        ("a,0.5", "b,0.7"),
        ("a,200", "b,404"),
    ],
)
def test_a_code_at_the_end_of_each_address_is_no_column(ends):
    whole = [f"https://example.org/{end}" for end in ends]
    assert addresses("\n".join(whole)) == whole


@pytest.mark.parametrize(
    "text",
    [
        f'{A},"mid-east"\n{B},"us-west"',
        f"{A}, 0.5\n{B}, 0.7",
        f"adresse,titel\n{A},mid-east\n{B},us-west",
        f"url;code\n{A};79cf\n{B};80cf",
        f"{A}\t79cf\n{B}\t80cf",
        f"{A},79cf,2026-11-30\n{B},80cf,2026-11-29",
    ],
)
def test_a_column_of_codes_is_known_by_what_no_address_holds(text):
    assert addresses(text) == [A, B]
