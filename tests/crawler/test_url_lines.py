"""Lists of addresses: how lines end, which column holds the address, and what is told of the rest."""

import os
import threading
import tracemalloc

import pytest
from scrapy.exceptions import UsageError

from crawler.sources.lists import read_list
from crawler.sources.url_lines import read_lines
from crawler.spiders import urls
from crawler.spiders.urls import Urls, _read_urls

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


# ---------------------------------------------------------------- lists without measure


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_list_in_pieces_reads_as_the_whole(size, end):
    text = end.join(["# ours", "", A, "no", B, "", "x" * 70 * size, f"{A} {B}", ""]).encode()
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    assert list(read_lines(pieces)) == list(read_lines(text))


def test_a_line_that_is_too_long_is_told_and_the_rest_is_read():
    lines = list(read_lines(f"{A}\n{f'{A} ' * 5000}\n{B}".encode()))
    assert [(line.number, line.addresses) for line in lines] == [(1, [A]), (2, ()), (3, [B])]
    assert lines[1].problem.startswith("line 2: longer than 65536 bytes: 'https://example.org/a https://")


def test_a_list_that_is_cut_off_counts_up_to_its_last_line_end():
    for end in ("\n", "\r", "\r\n"):
        lines = read_lines(f"{A}{end}{B}".encode(), is_cut=True)
        assert [line.addresses for line in lines] == [[A]]
        assert len(list(read_lines(f"{A}{end}{B}{end}".encode(), is_cut=True))) == 2


def test_a_long_list_takes_no_memory_for_what_is_no_address(tmp_path):
    with (tmp_path / "list.txt").open("wb") as file:
        file.write(f"{A}\n".encode())
        for _ in range(20):
            file.write(b"x" * 2**20)
        file.write(f"\n{A}\0\n\0\0\n{B}".encode())
    tracemalloc.start()
    found = _read_urls(str(tmp_path / "list.txt"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**21
    assert found.addresses == [A, B]
    assert [line.partition(":")[0] for line in found.bad_lines] == ["line 2", "line 3", "line 4"]


def test_bad_lines_are_counted_and_the_first_told_one_by_one(tmp_path):
    (tmp_path / "list.txt").write_text("no\n" * 2000)
    found = _read_urls(str(tmp_path / "list.txt"))
    assert (found.bad_count, len(found.bad_lines)) == (2000, 1000)


def test_a_pipe_is_read_once_for_the_check_and_the_crawl(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(f"{A}\n{B}",))
    writer.start()
    assert Urls.hosts(str(pipe)) == ["example.org"]
    writer.join()
    assert _read_urls(str(pipe)).addresses == [A, B]


@pytest.mark.parametrize(
    ("bound", "told"), [("_MAX_BYTES", "100 bytes"), ("_MAX_ADDRESSES", "100 addresses")]
)
def test_a_list_without_end_is_refused(tmp_path, monkeypatch, bound, told):
    (tmp_path / "list.txt").write_text(f"{A}\n" * 101)
    monkeypatch.setattr(urls, bound, 100)
    with pytest.raises(UsageError, match=f"has more than {told}"):
        _read_urls(str(tmp_path / "list.txt"))


def test_a_list_that_was_changed_is_read_again(tmp_path):
    (tmp_path / "list.txt").write_text(A)
    assert _read_urls(str(tmp_path / "list.txt")).addresses == [A]
    (tmp_path / "list.txt").write_text(f"{A}\n{B}")
    assert _read_urls(str(tmp_path / "list.txt")).addresses == [A, B]
