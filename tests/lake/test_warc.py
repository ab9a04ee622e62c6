import gzip
import io
import itertools
import subprocess
import sys
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import ANY

import brotli
import fastwarc.warc
import pytest
from backports import zstd
from warcio.archiveiterator import ArchiveIterator

from cleaning import Header, Rules
from lake.__main__ import main
from lake.parquet.raw_page_selection import RawPageSelection
from lake.parquet.reading import table
from lake.runs.session import Lake
from lake.schema.records import STORY_TABLES, ProcessedPage, reject
from lake.storage.open_store import open_store
from lake.warc.export import export
from lake.warc.files import find_files, open_file
from lake.warc.http_payload import BadPayload, TooLarge, decode_body
from lake.warc.member_stream import FIRST_PLACE, BrokenMember, RecordPlace
from lake.warc.record_reader import MAX_BLOCK, BrokenRecord, NoPage, Record, capture_of, read_records
from lake.warc.replay_progress import WINDOW, capture_source, replay_progress
from lake.workers.page_processing import process_page
from tests.lake import stories, warcs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [warcs.page(n) for n in range(6)]


def read(data, start=FIRST_PLACE):
    """(addresses of the sound records, what was broken, as (place, words))"""
    found = list(read_records(io.BytesIO(data), start))
    sound = [r.field("WARC-Target-URI").rpartition("/")[2] for r in found if isinstance(r, Record)]
    return "".join(sound), [(str(b.place), b.what) for b in found if isinstance(b, BrokenRecord)]


# ---------------------------------------------------------------- sound files


@pytest.mark.parametrize("packing", warcs.PACKINGS)
def test_every_packing_gives_the_same_records(packing):
    data = warcs.PACKINGS[packing](PAGES)
    assert read(data) == ("012345", [])
    (first, *_) = read_records(io.BytesIO(data))
    assert capture_of(first).body(10_000).startswith(b"<html><p>Page 0</p>")


def test_a_dictionary_may_stand_in_its_frame_as_it_is():
    assert read(warcs.zstd_dictionary(PAGES, packed=False)) == ("012345", [])


@pytest.mark.parametrize("packing", warcs.PACKINGS)
def test_reading_goes_on_at_the_place_of_any_record(packing):
    data = warcs.PACKINGS[packing](PAGES)
    places = [r.place for r in read_records(io.BytesIO(data))]
    assert len(set(places)) == 6
    assert [read(data, place)[0] for place in places] == ["012345", "12345", "2345", "345", "45", "5"]
    assert [RecordPlace.parse(str(place)) for place in places] == places


def test_what_warcio_and_fastwarc_write_is_read(tmp_path):
    written = fastwarc.warc.WarcRecord()
    written.init_headers(fastwarc.warc.WarcRecordType.response)
    written.headers["WARC-Target-URI"] = "https://one.example/7"
    written.set_bytes_content(warcs.answer(b"<p>seven</p>"))
    with fastwarc.stream_io.GzipWriter(str(tmp_path / "x.warc.gz")) as file:
        written.write(file, checksum_data=True)
    (found,) = read_records(io.BytesIO((tmp_path / "x.warc.gz").read_bytes()))
    assert (found.kind, found.is_altered) == ("response", False)
    assert not any(r.is_altered for r in read_records(io.BytesIO(warcs.plain(PAGES))))


def test_padding_and_blank_lines_between_records_are_nothing():
    assert read(PAGES[0] + b"\r\n\r\n" + PAGES[1]) == ("01", [])
    assert read(warcs.gzip_members(PAGES[:2]) + b"\0" * 5000) == ("01", [])
    assert read(warcs.gzip_members([b"", PAGES[0], b"", PAGES[1]])) == ("01", [])


# ---------------------------------------------------------------- broken files


@pytest.mark.parametrize("packing", warcs.PACKINGS)
def test_a_cut_file_gives_what_is_whole(packing):
    pack = warcs.PACKINGS[packing]
    cut = pack(PAGES[:5]) + pack([PAGES[5]])[:-40] if packing != "zstd_dictionary" else pack(PAGES)[:-40]
    if packing == "gzip_whole":
        cut = zlib.compressobj(0, zlib.DEFLATED, 31)
        cut = (cut.compress(b"".join(PAGES)) + cut.flush())[:-1000]
    sound, broken = read(cut)
    assert sound == "01234"
    assert len(broken) == 1
    assert "cut" in broken[0][1]


@pytest.mark.parametrize("packing", ["gzip_members", "zstd_frames", "zstd_dictionary"])
def test_a_broken_member_costs_its_own_record(packing):
    data = warcs.PACKINGS[packing](PAGES)
    third, fourth = [r.place.offset for r in read_records(io.BytesIO(data))][2:4]
    for at in range(third, fourth, 7):  # wherever the bit falls, header and checksum included
        spoilt = bytearray(data)
        spoilt[at] ^= 0x10
        sound, broken = read(bytes(spoilt))
        assert sound in ("01345", "012345"), at  # some bits of a gzip header mean nothing
        assert [b[0] for b in broken] == ([str(third)] if sound == "01345" else []), at


def test_a_record_is_sound_when_its_members_checksum_says_so():
    at_once = 256 * 2**10  # the file is read in pieces: here the checksum comes with the second
    stored = lambda size: gzip.compress(warcs.page(1, b"x" * size), 0, mtime=0)  # noqa: E731
    size = at_once
    for _ in range(5):
        size += at_once + 6 - len(stored(size))
    spoilt = bytearray(stored(size))
    assert len(spoilt) == at_once + 6
    spoilt[-5] ^= 1
    assert read(bytes(spoilt) + warcs.gzip_members(PAGES[2:])) == ("2345", [("0", ANY)])


ENDINGS = [b"\r\n\r\n", b"\r\n", b"", b"\n\n", b"\n", b"\r\n\r\n\r\n\r\n"]


def odd(number, *, ending=b"\r\n\r\n", off=0, size=3000, **more):
    """A page whose record has another ending, or a Content-Length that is wrong by so many bytes."""
    body = b"<html><p>Page %d</p>%s</html>" % (number, b" " * size)
    length = {"Content_Length": str(len(warcs.answer(body)) + off)} if off else {}
    return warcs.page(number, body, **{**length, **more}).removesuffix(b"\r\n\r\n") + ending


def bodies(data):
    found = [r for r in read_records(io.BytesIO(data)) if isinstance(r, Record)]
    return [capture_of(r).body(10**6).strip() for r in found]


# a length that counts bytes of the next record is the next test's, unless each record has a member of its own
ODD_ENDINGS = [
    (packing, ending, off)
    for packing in ("plain", "gzip_whole", "gzip_members", "zstd_frames")
    for ending in ENDINGS
    for off in (0, 1, 2, 3, 4, -1, -2, -8)
    if off <= len(ending) or packing == "gzip_members"
]


@pytest.mark.parametrize(("packing", "ending", "off"), ODD_ENDINGS)
def test_a_record_with_an_odd_ending_is_read_whole(packing, ending, off):
    pages = [odd(n, ending=ending, off=off) for n in range(4)]
    data = warcs.PACKINGS[packing](pages)
    assert read(data) == ("0123", [])
    assert bodies(data) == bodies(warcs.plain(PAGES[:4]))
    found = list(read_records(io.BytesIO(data)))
    assert read(data, found[2].place) == ("23", [])


@pytest.mark.parametrize("packing", ["gzip_members", "zstd_frames"])
@pytest.mark.parametrize("off", [1, 3, 8])
@pytest.mark.parametrize("ending", [b"", b"\r\n"])
def test_where_the_member_is_whole_its_end_is_the_records_end(packing, off, ending):
    data = warcs.PACKINGS[packing]([odd(n, ending=ending, off=off) for n in range(3)])
    assert read(data) == ("012", [])
    assert bodies(data) == bodies(warcs.plain(PAGES[:3]))


def test_a_length_that_reaches_into_the_next_record_costs_neither():
    data = odd(0, ending=b"\r\n", off=5) + odd(1, ending=b"\r\n", off=8) + PAGES[2]
    assert read(data) == ("012", [])
    assert bodies(data) == bodies(warcs.plain(PAGES[:3]))


@pytest.mark.parametrize("packing", ["plain", "gzip_whole", "gzip_members"])
@pytest.mark.parametrize("wrong", ["3000", "1", "-5", "three", ""])
def test_a_length_that_is_too_small_or_none_costs_nothing(packing, wrong):
    for at in (2, 5):
        spoilt = [*PAGES]
        spoilt[at] = warcs.page(at, Content_Length=wrong)
        data = warcs.PACKINGS[packing](spoilt)
        assert read(data) == ("012345", [])
        assert bodies(data) == bodies(warcs.plain(PAGES))
        (told,) = [r for r in read_records(io.BytesIO(data)) if r.has_wrong_length]
        assert told.field("WARC-Target-URI").endswith(str(at))


@pytest.mark.parametrize("packing", ["plain", "gzip_whole", "gzip_members"])
@pytest.mark.parametrize("wrong", ["3200", "99999", "99999999999"])
def test_a_record_that_lacks_what_its_length_counts_is_broken(packing, wrong):
    spoilt = [*PAGES]
    spoilt[2] = warcs.page(2, Content_Length=wrong)
    sound, broken = read(warcs.PACKINGS[packing](spoilt))
    assert sound == "01345"
    assert len(broken) == 1


def test_a_torn_page_never_looks_whole():
    whole = PAGES[1].removesuffix(b"\r\n\r\n")
    for torn in (whole[:-1], whole[:-5], whole[:-500]):
        assert read(PAGES[0] + torn) == ("0", [(str(len(PAGES[0])), ANY)])  # a download that was cut
        assert read(PAGES[0] + torn + PAGES[2])[0] == "02"  # a writer that died and began anew
    # a member that is packed in blocks: the record goes on in the next
    large = odd(1, Content_Length="500")
    blocks = gzip.compress(large[:1000], mtime=0) + gzip.compress(large[1000:], mtime=0)
    assert read(blocks + warcs.gzip_members(PAGES[2:3])) == ("2", [("0", ANY)])


@pytest.mark.parametrize("off", [1, -1, 2, 5, 8])
def test_a_record_that_a_page_quotes_is_no_end(off):
    quoted = b"<html><pre>\r\nWARC/1.0\r\nWARC-Type: response\r\n\r\n</pre></html>"
    length = str(len(warcs.answer(quoted)) + off)
    data = warcs.page(0, quoted, Content_Length=length) + PAGES[1]
    assert read(data) == ("01", [])
    assert bodies(data)[0] == quoted


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate"])
@pytest.mark.parametrize("packing", ["plain", "gzip_members"])
def test_a_packed_body_survives_a_line_end_too_many(coding, packing):
    packed = {"gzip": gzip.compress, "br": brotli.compress, "deflate": zlib.compress}[coding](HTML)
    block = warcs.answer(packed, f"Content-Encoding: {coding}")
    one = lambda n, off: warcs.record("response", f"https://one.example/{n}", block, Content_Length=str(len(block) + off))  # noqa: E731  # fmt: skip
    assert bodies(warcs.PACKINGS[packing]([one(n, n) for n in range(5)])) == [HTML] * 5


@pytest.mark.parametrize("version", ["0.17", "0.18", "1.0", "1.1", "2.0"])
def test_every_version_is_read(version):
    assert read(warcs.page(1, version=version) + PAGES[2]) == ("12", [])


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\r\n", b"\n"])
def test_a_mark_or_a_blank_line_at_the_beginning_is_nothing(before):
    assert read(before + PAGES[0] + PAGES[1]) == ("01", [])


def test_headers_end_with_a_line_feed_and_are_long():
    lean = warcs.page(0).replace(b"\r\n", b"\n", 7).replace(b"\r\n", b"\n", 1)
    assert read(lean + PAGES[1]) == ("01", [])
    assert read(warcs.page(0, X_Note="n" * 200_000) + PAGES[1]) == ("01", [])
    sound, broken = read(warcs.page(0, X_Note="n" * 2 * 2**20) + PAGES[1])
    assert (sound, len(broken)) == ("1", 1)


@pytest.mark.parametrize("pack", [bytes, lambda data: gzip.compress(data, mtime=0)])
def test_an_arc_file_is_told_by_its_name(pack):
    arc = b"filedesc://a.arc 0.0.0.0 20200101000000 text/plain 6\n1 0 x\n\nhttp://one.example/ 0 20200101000000 text/html 2\nab\n"
    ((place, what),) = read(pack(arc))[1]
    assert place == "0"
    assert "an ARC file" in what
    assert "warcio recompress" in what


def test_zero_bytes_between_members_are_nothing():
    for size in (1, 512, 300_000):
        parts = [warcs.gzip_members([page]) for page in PAGES[:3]]
        assert read((b"\0" * size).join(parts)) == ("012", [])


@pytest.mark.parametrize("packing", ["plain", "gzip_whole"])
@pytest.mark.parametrize("garbage", [b"\0\xff\r\n" * 2000, b"x", b"WARC", b"\r\nWARC/1.0 is a format\r\n"])
def test_garbage_between_records_is_told_once(packing, garbage):
    sound, broken = read(warcs.PACKINGS[packing]([*PAGES[:2], garbage, *PAGES[2:]]))
    assert sound == "012345"
    assert len(broken) == 1
    assert "no record begins here" in broken[0][1]


def test_garbage_between_members_is_told_once():
    first, rest = warcs.gzip_members(PAGES[:2]), warcs.gzip_members(PAGES[2:])
    for garbage in (b"x", b"\x1f\x8b\x08" * 50, b"\0\xff\r\n" * 200_000, first[:200]):
        sound, broken = read(first + garbage + rest)
        assert (sound, len(broken)) == ("012345", 1), garbage[:9]


@pytest.mark.parametrize(
    "data",
    [
        b"hello\nworld\n" * 100,
        b"{}",
        gzip.compress(b"hello", mtime=0),
        zstd.compress(b"hello"),
        b"\x1f\x8b\x08",
    ],
)
def test_what_is_no_warc_holds_no_record(data):
    sound, broken = read(data)
    assert (sound, len(broken)) == ("", 1)


def test_a_broken_dictionary_is_told():
    data = bytearray(warcs.zstd_dictionary(PAGES))
    data[20] ^= 0xFF
    with pytest.raises(BrokenMember, match="dictionary"):
        read(bytes(data))


def test_a_record_too_large_for_memory_is_passed_over():
    large = warcs.record("response", "https://one.example/large", b" " * (MAX_BLOCK + 1))
    first, second = read_records(io.BytesIO(warcs.gzip_members([large, PAGES[1]])))
    assert (first.block, second.place.offset > 0) == (None, True)
    with pytest.raises(NoPage, match="too_large"):
        capture_of(first)


# ---------------------------------------------------------------- pages

HTML = b"<html><body>" + b"The bridge is open. " * 500 + b"</body></html>"


def chunked(body, size=700):
    pieces = [body[n : n + size] for n in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def deflated(body, wbits):
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(body) + packer.flush()


CODINGS = {
    "gzip": gzip.compress(HTML),
    "br": brotli.compress(HTML),
    "zstd": zstd.compress(HTML),
    "deflate": deflated(HTML, 15),
    "Deflate": deflated(HTML, -15),
    "x-gzip": gzip.compress(HTML),
    "gzip, br": brotli.compress(gzip.compress(HTML)),
    "identity": HTML,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_codings_are_undone_and_may_have_been_undone_already(coding):
    both = [("Content-Encoding", coding), ("Transfer-Encoding", "chunked")]
    assert decode_body(CODINGS[coding], both[:1], 10**6) == HTML
    assert decode_body(chunked(CODINGS[coding]), both, 10**6) == HTML
    assert decode_body(HTML, both, 10**6) == HTML


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("headers", [[], [("content-encoding", "gzip")]])
def test_a_gzipped_body_is_undone_without_its_header_and_behind_a_blank_line(before, headers):
    assert decode_body(before + gzip.compress(HTML), headers, 10**6) == HTML
    with pytest.raises(TooLarge):
        decode_body(gzip.compress(HTML), [], len(HTML) - 1)


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "Deflate"])
def test_a_broken_coding_is_told(coding):
    with pytest.raises(BadPayload):
        decode_body(CODINGS[coding][:-12], [("content-encoding", coding)], 10**6)
    with pytest.raises(TooLarge):
        decode_body(CODINGS[coding], [("content-encoding", coding)], len(HTML) - 1)


@pytest.mark.parametrize(
    "body", [chunked(HTML)[:-900], chunked(HTML)[:-7], chunked(HTML).replace(b"\r\n2", b"zz")]
)
def test_broken_chunks_are_told(body):
    with pytest.raises(BadPayload, match="chunk"):
        decode_body(body, [("transfer-encoding", "Chunked")], 10**6)


def of_block(block, kind="response", uri="https://one.example/a", **fields):
    (found,) = read_records(io.BytesIO(warcs.record(kind, uri, block, **fields)))
    return capture_of(found)


def test_a_page_has_its_address_headers_and_time():
    capture = of_block(
        warcs.answer(HTML, "Link: </é>; rel=canonical", "link: second"),
        date="2021-05-06T07:08:09.123456789+02:00",
    )
    assert capture.headers[1:] == (("Link", "</é>; rel=canonical"), ("link", "second"))
    assert capture.fetched_at == datetime(2021, 5, 6, 5, 8, 9, 123456, UTC)
    assert of_block(warcs.answer(HTML), uri="<https://one.example/b>").url == "https://one.example/b"
    assert of_block(warcs.answer(HTML).replace(b"\r\n", b"\n")).body(10**6) == HTML
    assert of_block(HTML, kind="resource", Content_Type="text/html").body(10**6) == HTML
    assert of_block(warcs.answer(HTML, media="")).body(10**6) == HTML
    assert of_block(warcs.answer(HTML, "Content-Type: text/html", media="text/plain")).body(10**6) == HTML
    assert of_block(warcs.answer(HTML).replace(b"HTTP/1.1", b"http/1.0")).status == 200
    assert of_block(warcs.answer(HTML, status="203 Copied")).status == 203


@pytest.mark.parametrize(
    "date",
    [
        "20200102030405",
        "Thu, 02 Jan 2020 03:04:05 GMT",
        "2020-01-02T04:04:05+01:00",
        " 2020-01-02T03:04:05Z ",
    ],
)
def test_a_date_is_read_as_archives_write_it(date):
    assert of_block(warcs.answer(HTML), date=date).fetched_at == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("uri", ["", "<>", " "])
def test_a_page_without_an_address_is_broken(uri):
    with pytest.raises(BadPayload, match="WARC-Target-URI"):
        of_block(warcs.answer(HTML), uri=uri)


@pytest.mark.parametrize(
    ("why", "block", "fields"),
    [
        ("status", warcs.answer(HTML, status="404 Not Found"), {}),
        ("status", warcs.answer(HTML, status="206 Partial Content"), {}),
        ("redirect", warcs.answer(b"", "Location: /b", status="301 Moved"), {}),
        ("media_type", warcs.answer(b"User-agent: *", media="text/plain"), {}),
        ("media_type", warcs.answer(b"<rss/>", media="application/rss+xml"), {}),
        ("media_type", warcs.answer(b"\xff\xd8", media=""), {}),
        ("scheme", b"dns", {"uri": "dns:one.example", "Content_Type": "text/dns"}),
        ("protocol", b"x", {"Content_Type": "application/unknown"}),
        ("segment", warcs.answer(HTML), {"WARC_Segment_Number": "1"}),
        ("request", b"GET / HTTP/1.1\r\n\r\n", {"kind": "request"}),
        ("revisit", warcs.answer(b""), {"kind": "revisit"}),
        ("metadata", b"a: b", {"kind": "metadata"}),
        ("warcinfo", b"a: b", {"kind": "warcinfo"}),
        ("unknown", b"a: b", {"kind": "of our own"}),
    ],
)
def test_what_is_no_page_has_a_name(why, block, fields):
    with pytest.raises(NoPage) as none:
        of_block(block, **fields)
    assert none.value.why == why


@pytest.mark.parametrize(
    ("block", "date"), [(b"", warcs.DAY), (b"<html>", warcs.DAY), (warcs.answer(HTML), "soon")]
)
def test_a_broken_http_message_is_told(block, date):
    with pytest.raises(BadPayload):
        of_block(block, date=date)


@pytest.mark.parametrize("why", ["disconnect", "Length", "time", None])
def test_a_page_that_its_archive_cut_says_so(why):
    capture = of_block(warcs.answer(HTML), **({"WARC_Truncated": why} if why else {}))
    assert capture.truncated == (why.lower() if why else None)


def test_a_block_that_is_not_the_one_of_its_digest_is_known():
    (same,) = read_records(
        io.BytesIO(
            warcs.record("metadata", "x:y", b"", WARC_Block_Digest="sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ")
        )
    )
    (other,) = read_records(
        io.BytesIO(
            warcs.record("metadata", "x:y", b"!", WARC_Block_Digest="sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ")
        )
    )
    assert (same.is_altered, other.is_altered) == (False, True)


# ---------------------------------------------------------------- files


def test_files_are_named_by_path_folder_pattern_and_list(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for name in ("1.warc.gz", "2.warc", "3.warc.zst", "4.txt"):
        (deep / name).touch()
    (tmp_path / "list.txt").write_text(f"# comment\n{deep / '4.txt'}\n\n{deep}/[12].*\n")
    names = lambda files: [Path(p).name for p in find_files(files)]  # noqa: E731
    assert names(str(tmp_path)) == ["1.warc.gz", "2.warc", "3.warc.zst"]
    assert names(f"{tmp_path}/**/*.warc, {deep}/1.warc.gz") == ["2.warc", "1.warc.gz"]
    assert names(f"@{tmp_path}/list.txt,{deep}") == ["4.txt", "1.warc.gz", "2.warc", "3.warc.zst"]
    assert names(f"{tmp_path}/missing.warc") == ["missing.warc"]


def test_files_in_an_object_store_are_found_and_read_in_pieces(bucket):
    import boto3

    client, name, data = boto3.client("s3"), bucket.removeprefix("s3://"), warcs.gzip_members(PAGES)
    for key in ("in/a.warc.gz", "in/b.warc.gz", "in/c.txt", "other.warc"):
        client.put_object(Bucket=name, Key=key, Body=data)
    assert find_files(f"{bucket}/in/") == [f"{bucket}/in/a.warc.gz", f"{bucket}/in/b.warc.gz"]
    with open_file(f"{bucket}/in/a.warc.gz") as file:
        assert [r.field("WARC-Target-URI")[-1] for r in read_records(file)] == list("012345")
    with pytest.raises(OSError, match="no such object"), open_file(f"{bucket}/in/missing.warc"):
        pass


# ---------------------------------------------------------------- older captures

A1 = stories.page("https://one.example/bridge", "bridge")
A2 = stories.page(
    "https://one.example/bridge", "bridge", extra="The vote was repeated on Tuesday after a count went wrong."
)
COPY = stories.page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=7)
GONE = stories.raw("https://one.example/bridge", "<html><body><p>Sorry.</p></body></html>")


def at(page, hours):
    return replace(page, fetched_at=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours))


def replay(lake, state, pages, *, each_its_run=False):
    for some in [[p] for p in pages] if each_its_run else [pages]:
        with Lake(lake, state).run("warc", lambda _: Rules(), {}) as (run, _):
            for page in some:
                run.add(process_page(page, Rules()))
                run.flush()
            run.finish("finished", {})


def landed(lake):
    rows = [r for name in STORY_TABLES for r in table(lake, name).to_pylist()]
    keys = sorted((r["id"], r["content_hash"]) for r in rows)
    groups = {}
    for r in rows:
        groups.setdefault(r["story_id"], set()).add((r["id"], r["content_hash"]))
    return keys, sorted(map(sorted, groups.values()))


CAPTURES = [at(A1, 1), at(A1, 2), at(A2, 3), at(COPY, 2)]


@pytest.mark.parametrize("each_its_run", [False, True])
def test_captures_in_any_order_give_the_same_rows_and_stories(tmp_path, each_its_run):
    orders = list(itertools.permutations(CAPTURES))
    seen = []
    for n, order in enumerate(orders[::5] if each_its_run else orders[::2]):
        replay(str(tmp_path / f"{n}"), tmp_path / f"s{n}", order, each_its_run=each_its_run)
        seen.append(landed(str(tmp_path / f"{n}")))
    assert len(seen[0][0]) == 3
    assert all(found == seen[0] for found in seen)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("forget", [False, True])
def test_the_latest_version_is_the_one_fetched_last_in_whatever_order_they_came(tmp_path, order, forget):
    lake, state, captures = str(tmp_path / "lake"), tmp_path / "state", [at(A1, 1), at(GONE, 2), at(A2, 3)]
    replay(lake, state, [captures[n] for n in order], each_its_run=True)
    if forget:  # the index is rebuilt from the lake, with the same answers
        for file in state.glob("index-*"):
            file.unlink()
    before = landed(lake), table(lake, "rejects").num_rows
    replay(lake, state, [captures[n] for n in order], each_its_run=True)
    assert (landed(lake), table(lake, "rejects").num_rows) == before
    with Lake(lake, state).run("test", lambda _: Rules(), {}) as (run, _):
        known = run.index.page_state(A1.id)
        run.finish("finished", {})
    assert known.content_hash == process_page(A2, Rules()).article.content_hash
    assert known.reason is None
    assert known.fetched_at == captures[2].fetched_at


# ---------------------------------------------------------------- progress


def many(numbers, hour=1):
    """Rejects land in raw as articles do, and cost no cleaning."""
    return [
        replace(
            at(stories.raw(f"https://one.example/{n}", "", status=404), hour),
            source=capture_source("/f", RecordPlace(n)),
        )
        for n in numbers
    ]


def land(lake, state, pages, key="k"):
    with Lake(lake, state).run("warc", lambda _: Rules(), {"replay": key}) as (run, _):
        for page in pages:
            run.add(process_page(page, Rules()))
        run.flush()
        run.finish("finished", {})


def test_a_replay_goes_on_before_the_last_window_of_what_it_landed(tmp_path):
    lake, state = str(tmp_path / "lake"), tmp_path / "state"
    store = open_store(lake)
    assert replay_progress(store, "k") == {}
    land(lake, state, many(range(1, WINDOW + 1)))
    found = replay_progress(store, "k")["/f"]
    assert (found.start, len(found.landed)) == (
        RecordPlace(0),
        WINDOW,
    )  # all of them may have been begun together
    # what is missing from the middle of the last window, as 510, may not have landed yet
    land(lake, state, many([*range(257, 510), *range(511, 600)]))
    found = replay_progress(store, "k")["/f"]
    assert found.start == RecordPlace(342)
    assert {m[0].offset for m in found.landed} == set(range(342, 600)) - {510}
    assert replay_progress(store, "another choice") == {}


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        *((ending, content) for ending in ("started.json", "json") for content in (b"", b"7", b"[null]")),
        pytest.param("json", b"[" * 100_000, id="nested"),
        ("json", b'{"parts": 7}'),
    ],
)
def test_a_replay_with_a_damaged_record_begins_anew_and_says_so(tmp_path, caplog, ending, content):
    lake = tmp_path / "lake"
    land(str(lake), tmp_path / "state", many(range(1, 4)))
    store = open_store(str(lake))
    assert replay_progress(store, "k")
    [record] = [path for path in (lake / "runs").iterdir() if path.name.partition(".")[2] == ending]
    record.write_bytes(content)
    assert replay_progress(store, "k") == {}
    assert record.name in caplog.text


def test_later_pages_of_an_article_do_not_count_as_outcomes(tmp_path):
    lake, state = str(tmp_path / "lake"), tmp_path / "state"
    articles = [
        ProcessedPage(
            one,
            reject=reject(one, "http_error", ""),
            later_pages=tuple(
                replace(later, part_of=one.id, part=n)
                for n, later in enumerate(many(range(place + 1, place + 4)), 2)
            ),
        )
        for place in range(10, 10 + 4 * WINDOW, 4)
        for (one,) in [many([place])]
    ]
    with Lake(lake, state).run("warc", lambda _: Rules(), {"replay": "k"}) as (run, _):
        for article in articles:
            run.add(article)
        run.flush()
        run.finish("finished", {})
    assert table(lake, "raw").num_rows == 4 * WINDOW
    found = replay_progress(open_store(lake), "k")["/f"]
    assert (found.start, len(found.landed)) == (FIRST_PLACE, WINDOW)  # all may have been begun together


# ---------------------------------------------------------------- raw as WARC


@pytest.fixture
def lake(tmp_path):
    """Three pages of two outlets, and one that answered 404."""
    uri = str(tmp_path / "lake")
    odd = replace(
        at(stories.page("https://two.example/library", "library"), 4),
        requested_url="https://two.example/old",
        headers=(Header("content-type", "text/html; charset=utf-8"), Header("link", "</é>; rel=canonical")),
    )
    replay(
        uri,
        tmp_path / "state",
        [at(A1, 1), odd, at(stories.raw("https://one.example/gone", "", status=404), 2)],
    )
    return uri


def test_raw_pages_are_read_by_other_tools(lake, tmp_path, capsys):
    out = tmp_path / "out.warc.gz"
    assert main(["warc", "--lake", lake, "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 3 pages\n"
    found = list(fastwarc.warc.ArchiveIterator(str(out), verify_digests=True, parse_http=False))
    assert [str(r.record_type) for r in found] == ["warcinfo", "response", "response", "response"]
    raw = table(lake, "raw").to_pylist()
    for one, row in zip(fastwarc.warc.ArchiveIterator(str(out), fastwarc.warc.response), raw, strict=True):
        assert one.headers["WARC-Target-URI"] == row["url"]
        assert one.record_date == row["fetched_at"]
        assert one.http_headers.status_code == row["status"]
        assert int(one.http_headers["content-length"]) == len(row["body"])
        assert one.reader.read() == row["body"]
    with out.open("rb") as file:
        assert [
            r.http_headers.get_header("link")
            for r in ArchiveIterator(file, check_digests="raise")
            if r.rec_type == "response"
        ] == [None, "</é>; rel=canonical", None]
    assert subprocess.run([sys.executable, "-m", "warcio.cli", "check", str(out)]).returncode == 0


def test_an_export_is_read_back_as_it_was_fetched(lake, tmp_path):
    export(open_store(lake), tmp_path / "out.warc", RawPageSelection())
    raw = {r["url"]: r for r in table(lake, "raw").to_pylist() if r["status"] == 200}
    with open_file(str(tmp_path / "out.warc")) as file:
        for one in read_records(file):
            try:
                capture = capture_of(one)
            except NoPage:  # warcinfo, and the one that answered 404
                continue
            row = raw.pop(capture.url)
            assert capture.fetched_at == row["fetched_at"]
            assert capture.body(10**6) == row["body"]
            assert (capture.requested_url or capture.url) == row["requested_url"]
            kept = [(n, v) for n, v in capture.headers if n != "content-length"]
            assert kept == [(h["name"], h["value"]) for h in row["headers"]]
    assert raw == {}


def test_an_export_says_which_pages_are_not_whole(tmp_path):
    whole, torn = (stories.page(f"https://one.example/{topic}", topic) for topic in ("bridge", "library"))
    with Lake(str(tmp_path / "lake"), tmp_path / "state").run("one", lambda _: Rules(), {}) as (run, _):
        for page in (whole, replace(torn, truncated="disconnect")):
            run.add(process_page(page, Rules()))
        run.flush()
        run.finish("finished", {})
    export(open_store(str(tmp_path / "lake")), tmp_path / "out.warc", RawPageSelection())
    with open_file(str(tmp_path / "out.warc")) as file:
        found = [capture_of(one) for one in read_records(file) if one.kind == "response"]
    assert {capture.url[-7:]: capture.truncated for capture in found} == {
        "/bridge": None,
        "library": "disconnect",
    }


def test_an_export_is_the_same_again_and_is_split_and_chosen(lake, tmp_path, capsys):
    one, two = tmp_path / "a" / "x.warc.gz", tmp_path / "b" / "x.warc.gz"
    for path in (one, two):
        path.parent.mkdir()
        assert main(["warc", "--lake", lake, "--out", str(path)]) == 0
    assert one.read_bytes() == two.read_bytes()
    assert main(["warc", "--lake", lake, "--out", str(one)]) == 1
    assert "not written over" in capsys.readouterr().err
    assert one.read_bytes() == two.read_bytes()
    assert main(["warc", "--lake", lake, "--out", str(tmp_path / "s.warc.gz"), "--split", "1K"]) == 0
    assert sorted(p.name for p in tmp_path.glob("*warc*")) == [
        "s-00000.warc.gz",
        "s-00001.warc.gz",
        "s-00002.warc.gz",
    ]
    run = table(lake, "raw").to_pylist()[0]
    day = f"{run['landed_at']:%Y-%m-%d}"
    for n, (given, pages) in enumerate(
        [(["--outlet", "one.example"], 2), (["--day", day], 3), (["--run", run["run_id"]], 3)]
    ):
        assert main(["warc", "--lake", lake, "--out", str(tmp_path / f"{n}.warc.gz"), *given]) == 0
        assert f"{pages} pages" in capsys.readouterr().out
    assert main(["warc", "--lake", lake, "--out", str(tmp_path / "none.warc.gz"), "--day", "2001-01-01"]) == 1
    assert not (tmp_path / "none.warc.gz").exists()
    assert [p for p in tmp_path.rglob(".*") if "warc" in p.name] == []


@pytest.mark.parametrize(
    "given",
    [["--out", "x.txt"], ["--day", "soon", "--out", "x.warc"], ["--split", "0", "--out", "x.warc"], []],
)
def test_wrong_arguments_are_refused(given):
    with pytest.raises(SystemExit) as stop:
        main(["warc", *given])
    assert stop.value.code == 2
