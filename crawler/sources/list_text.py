"""Turns the body of a list into clean UTF-8, and finds the element in it that holds the list.

What the bytes are goes before what is said of them: publishing systems declare an encoding that they do not write.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from crawler.sources.interpreter import yield_interpreter

SLICE_BYTES = 2**16  # work on a list yields the interpreter after so many bytes, because it runs in a thread
LIST_ROOTS = ("rss", "feed", "rdf", "urlset", "sitemapindex")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# the first character of a list without a byte order mark is ASCII; the others of its bytes are zero
_ZERO_PATTERNS = (
    (re.compile(rb"[^\0]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0[^\0]"), "utf-32-be"),
    (re.compile(rb"[^\0]\0[^\0]"), "utf-16-le"),
    (re.compile(rb"\0[^\0]\0[^\0]"), "utf-16-be"),
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?\bencoding\s*=\s*["']\s*([\w.:-]{1,40})""", re.I)
_WITHIN_ASCII = re.compile(
    r"iso2022|hz|utf[-_]?7"
)  # their bytes are ASCII, and so UTF-8, and mean something else
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")  # no XML may hold them
# runs of references to surrogates, to control characters and to what is beyond Unicode; other references are sound
_UNSOUND_REFERENCES = re.compile(
    rb"(?:&#(?:0*5[5-7]\d{3}|[xX]0*[dD][89a-fA-F][0-9a-fA-F]{2}|0*(?:[12]?\d|3[01])|[xX]0*1?[0-9a-fA-F]|\d{7,}|[xX][0-9a-fA-F]{6,});)+"
)
_REFERENCE = re.compile(rb"&#([xX]?)0*+([0-9a-fA-F]*);")
_TOKEN = re.compile(rb"<!--|<!\[CDATA\[|<\?|<!doctype\s+html|</?(?:[\w.-]+:)?([A-Za-z][\w.-]*)", re.I)
_ENDS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_TAIL = rb"\s*>(?:\s|</[\w.:-]+\s*>|<!--[^<>]*-->)*\Z"
_FEED_TAIL = re.compile(rb"</(?:[\w.-]+:)?(?:item|entry)" + _TAIL, re.I)
_SITEMAP_TAIL = re.compile(rb"</(?:[\w.-]+:)?(?:url|sitemap)" + _TAIL, re.I)
_MAX_TAIL = 2**12  # bytes behind the last entry that are looked at
_PAGE_ELEMENTS = ("html", "head", "body")
_SCRIPT_END = re.compile(rb"</(?:script|style)\b", re.I)


def to_utf8(body: bytes, charset: str | None = None) -> bytes:
    """The body in UTF-8, without byte order mark and control characters. charset: of the answer's Content-Type; it
    counts where the XML declares none. A byte that is not of the encoding never costs more than itself."""
    encoding, start = _encoding_of(body, charset)
    decoder = codecs.getincrementaldecoder(encoding)(_AS_WINDOWS_1252 if encoding == "utf-8" else "replace")
    pieces = []
    for at in range(start, len(body), SLICE_BYTES):
        text = decoder.decode(body[at : at + SLICE_BYTES])
        pieces.append(text.encode("utf-8", "replace").translate(None, _CONTROLS))
        yield_interpreter()
    pieces.append(decoder.decode(b"", True).encode("utf-8", "replace"))
    return b"".join(pieces)


def marked_encoding(body: bytes) -> str | None:
    """UTF-16 or UTF-32, as a byte order mark or zero bytes show it; None where the body is neither."""
    encoding, _ = _encoding_by_bytes(body)
    return encoding if encoding and encoding != "utf-8" else None


def _encoding_by_bytes(body: bytes) -> tuple[str | None, int]:
    """(encoding, length of the byte order mark); (None, 0) where the first bytes do not tell."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return encoding, len(mark)
    return next((encoding for pattern, encoding in _ZERO_PATTERNS if pattern.match(body)), None), 0


def _encoding_of(body: bytes, charset: str | None) -> tuple[str, int]:
    encoding, start = _encoding_by_bytes(body)
    if encoding:
        return encoding, start
    declared = _DECLARED.match(body, body.find(b"<?xml")) if b"<?xml" in body else None
    said = _codec_of(declared[1].decode() if declared else None) or _codec_of(charset)
    if said is None or said == "utf-8":
        return "utf-8", 0
    is_plain_utf8 = not _WITHIN_ASCII.match(said) and _is_utf8(body)
    return "utf-8" if is_plain_utf8 else said, 0


def _codec_of(name: str | None) -> str | None:
    """Python's name of an encoding of text; None for none and for UTF-16 and UTF-32, which the bytes would show."""
    try:
        codec = codecs.lookup((name or "").strip())
        is_text = getattr(codec, "_is_text_encoding", True) and codec.incrementaldecoder
        if not is_text or codec.name.startswith(("utf-16", "utf-32")):
            return None
        # punycode, idna and undefined raise on bytes that are not theirs, whatever is asked for
        bytes(range(256)).decode(codec.name, "replace")
    except (LookupError, ValueError):
        return None
    return codec.name


def _is_utf8(body: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(body), SLICE_BYTES):
            decoder.decode(body[at : at + SLICE_BYTES])
            yield_interpreter()
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _decode_as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_AS_WINDOWS_1252 = (
    "as-windows-1252"  # what is not UTF-8 is most often the encoding of a Western word processor
)
codecs.register_error(_AS_WINDOWS_1252, _decode_as_windows_1252)


def with_sound_references(text: bytes) -> bytes:
    """The text with each pair of references to surrogates (&#55357;&#56832;) as the character that it means, and
    without references to what is no character; parsers stop at these, or raise."""
    return _UNSOUND_REFERENCES.sub(_resolve, text) if b"&#" in text else text


def _resolve(run: re.Match[bytes]) -> bytes:
    digits = [(number, 16 if mark else 10) for mark, number in _REFERENCE.findall(run[0])]
    codes = [int(number or b"0", base) for number, base in digits if len(number) <= 7]
    # a surrogate is decoded with its neighbour; alone it becomes U+FFFD
    units = "".join(map(chr, (code for code in codes if code in (9, 10, 13) or 32 <= code <= 0x10FFFF)))
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


# ---------------------------------------------------------------- the element that holds the list


@dataclass(frozen=True, slots=True)
class Root:
    """The element that holds a list, or else the first element of the text."""

    name: str  # local name in lower case; "" where there is no element
    start: int  # of its tag in the text
    in_page: bool  # the elements of a web page stand before it

    @property
    def is_list(self) -> bool:
        """Whether it is the root of a feed or a sitemap."""
        return self.name in LIST_ROOTS


def find_root(text: bytes, start: int = 0) -> Root:
    """The first element that is the root of a feed or a sitemap, whatever stands before it: comments, messages of the
    server's software, stray HTML. Where there is none, the first element of all."""
    first, in_page, at = Root("", start, False), False, start
    while token := _TOKEN.search(text, at):
        at = token.end()
        if end := _ENDS.get(token[0]):
            at = max(at, text.find(end, at) + len(end))
            continue
        name = (token[1] or b"html").decode().lower()  # without a name it is the document type of a page
        in_page = in_page or name in _PAGE_ELEMENTS
        if token[0].startswith(b"</"):
            continue
        if name in LIST_ROOTS:
            return Root(name, token.start(), in_page)
        if not first.name:
            first = Root(name, token.start(), in_page)
        if name in ("script", "style") and (script_end := _SCRIPT_END.search(text, at)):
            at = script_end.end()
    return Root(first.name, first.start, in_page)


def ends_with_entry(text: bytes, root: Root) -> bool:
    """Whether nothing but closing tags stands behind the end of the last entry: what is missing is no entry."""
    tail = _SITEMAP_TAIL if root.name in ("urlset", "sitemapindex") else _FEED_TAIL
    return bool(tail.search(text, max(0, len(text) - _MAX_TAIL)))


def end_of(text: bytes, root: Root, start: int | None = None) -> int | None:
    """Where the root's closing tag ends, looked for from start or from the root on; None where the text is cut off."""
    tag = _TOKEN.match(text, root.start)
    assert tag
    closing = re.compile(rb"</" + re.escape(tag[0][1:]) + rb"\s*>|" + re.escape(tag[0]) + rb"[^<>]*/>", re.I)
    found = closing.search(text, root.start if start is None else start)
    return found.end() if found else None
