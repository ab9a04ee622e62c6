"""Pages of our own making, and ways to spoil them: what the fuzz of cleaning is made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

_WORDS = {
    "latin": ["harbour", "council", "bridge", "winter", "ferry", "pier", "market", "school", "letter", "river", "garden", "engine", "mayor", "roof", "light", "stone", "window", "doctor", "valley", "order", "team", "price", "train", "museum", "paper", "street", "player", "season", "budget", "storm"],
    "marked": ["brücke", "straße", "église", "garçon", "mañana", "über", "naïve", "žlutý", "křeček", "șase", "łódź", "čtvrť", "ångström", "smørrebrød"],
    "cyrillic": ["город", "мост", "зима", "паром", "рынок", "школа", "письмо", "река", "сад", "мэр", "крыша", "свет", "камень", "окно", "врач"],
    "arabic": ["مدينة", "جسر", "شتاء", "عبارة", "سوق", "مدرسة", "رسالة", "نهر", "حديقة", "سقف", "ضوء", "حجر", "نافذة", "طبيب"],
    "cjk": list("橋市場学校手紙川庭町長屋根光石窓医谷冬船新聞記者会議決定予算"),
    "thai": ["สะพาน", "ตลาด", "โรงเรียน", "จดหมาย", "แม่น้ำ", "สวน", "นายก", "หลังคา", "แสง", "หิน"],
    "hindi": ["पुल", "बाज़ार", "स्कूल", "पत्र", "नदी", "बगीचा", "छत", "प्रकाश", "पत्थर", "खिड़की"],
    "odd": ["e" + "\u0301" * 7, "\u200b\u200bx\u200d", "\u202eesrever\u202c", "\ufeffbom", "a\u00adb", "👩\u200d👩\u200d👧", "ﷺ", "ß", "İ", "\u1e9e", "\ud83d", "\udc00", "\0", "\x1b[31m", "\x85", "\u2028", "\ufffe"],
}  # fmt: skip
_SCRIPTS = list(_WORDS)
_TAGS = ["p", "div", "span", "a", "ul", "ol", "li", "dl", "dt", "dd", "table", "tr", "td", "th", "h1", "h2", "h3", "figure", "figcaption", "br", "b", "i", "em", "strong", "font", "aside", "nav", "svg", "path", "template", "noscript", "x-y", "time", "blockquote", "form", "input", "button", "select", "option", "html", "body", "head", "title", "section", "article", "main", "header", "footer", "iframe", "object", "video", "audio", "pre", "code", "script", "style", "textarea", "math", "frameset", "center", "marquee", "details", "summary", "dialog", "picture", "source", "img", "label", "q", "cite", "ins", "del", "sub", "sup", "small"]  # fmt: skip
_CLASSES = ["related", "author-bio", "comments", "newsletter", "share", "byline", "published", "standfirst", "lead", "caption", "tags", "paywall", "premium", "cookie-consent", "pagination", "next", "article-body", "story", "content", "widget", "promo", "ad", "sponsored", "most-read", "live-blog", "gallery", "breadcrumbs", "subscribe", "copyright"]  # fmt: skip
DATES = ["2024-12-03", "2024-12-03T10:00:00Z", "2024-12-03T10:00:00+25:00", "2024-13-45", "0000-00-00", "9999-12-31T23:59:60Z", "1970-01-01", "1733220000", "1733220000000", "99999999999999999999", "-1", "3 December 2024", "Dec 3, 2024 10:00 AM EST", "vor 3 Stunden", "03/12/24", "12/03/2024", "tomorrow", "٣ ديسمبر ٢٠٢٤", "2024年12月3日", "3 de diciembre de 2024", "2024-12-03T10:00:00.123456789Z", "20241203", "2024-W49-2", "+012024-12-03", "Tue, 03 Dec 2024 10:00:00 GMT", "", " ", "null", "NaN", "2024-02-30T99:99", "1e400"]  # fmt: skip
_META = ["og:title", "og:type", "og:url", "og:image", "og:description", "article:published_time", "article:modified_time", "article:author", "article:section", "article:tag", "author", "keywords", "news_keywords", "description", "robots", "syndication-source", "original-source", "twitter:title", "dc.date", "parsely-pub-date", "tdm-reservation", "generator", "copyright"]  # fmt: skip
_KEYS = ["@type", "@graph", "@id", "@context", "headline", "author", "name", "url", "datePublished", "dateModified", "image", "keywords", "articleSection", "articleBody", "isAccessibleForFree", "hasPart", "cssSelector", "wordCount", "isBasedOn", "license", "genre", "sponsor", "digitalSourceType", "description", "publisher", "mainEntityOfPage", "caption", "creditText", "sameAs"]  # fmt: skip
_VALUES: list[Any] = [None, True, False, 0, -1, 1e308, 10**40, "", "NewsArticle", "LiveBlogPosting", ["NewsArticle", 3, None], {}, [], "False", "http://[", ".x", "#", "//[::1", "javascript:alert(1)", "\ud800", "A" * 3000, [[[]]], {"@value": "x"}, {"@id": "#self"}]  # fmt: skip
_CONTROL = [b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x1b$B", b"\xc0\xaf", b"\x80", b"&#0;", b"&#xD800;", b"&#x110000;", b"&#99999999999;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?php", b"?>", b"<script>", b"</script>", b"</p", b'<p class="', b"<", b">", b"&", b"&nbsp", b"<!doctype", b"</html>", b"<plaintext>", b"<svg><style>", b"<base href='//['>", b"<meta charset=utf-7>"]  # fmt: skip
CHARSETS = ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso-8859-1", "windows-1251", "shift_jis", "gb18030", "big5", "iso-2022-jp", "euc-kr", "utf-7", "hz", "punycode", "idna", "rot13", "base64", "zip", "undefined", "x-unknown", "ü", "\n", "utf-8;", "unicode_escape", "cp037"]  # fmt: skip
URLS = ["https://gazette.example/2024/12/03/harbour-bridge", "https://gazette.example/", "https://gazette.example/opinion/a/?page=2", "https://gazette.example/a-b-c-1234567.html", "https://gazette.example/live/x?id=1&amp;y=%zz", "https://gazette.example", "https://xn--bcher-kva.example/%ff%fe/a", "https://gazette.example/" + "a-" * 900, "http://[::1]:80/x", "https://gazette.example/a/b-2.html?p=3#c", "https://gazette.example/amp/print/story;jsessionid=1"]  # fmt: skip


def sentence(random: Random, script: str | None = None) -> str:
    script = script or random.choices(_SCRIPTS, [20, 4, 3, 3, 3, 1, 1, 2])[0]
    words = [
        random.choice(_WORDS[script]) if random.random() < 0.9 else str(random.randrange(10**6))
        for _ in range(random.randrange(3, 26))
    ]
    joint = "" if script in ("cjk", "thai") else " "
    return (joint.join(words)).capitalize() + random.choice(
        [".", ".", ".", "!", "?", "…", "。", "", " |", ":"]
    )


def paragraph(random: Random) -> str:
    script = random.choices([None, "latin"], [1, 3])[0]
    return " ".join(sentence(random, script) for _ in range(random.randrange(1, 7)))


def page(random: Random) -> str:
    """A page: a story among clutter, in markup drawn at random."""
    head = "".join(_head_piece(random) for _ in range(random.randrange(0, 10)))
    count = random.choice([0, 1, 3, 8, 20, 60])
    pieces = [_block(random, random.randrange(0, 4)) for _ in range(count)]
    story = "".join(f"<p>{paragraph(random)}</p>\n" for _ in range(random.randrange(0, 14)))
    pieces.insert(
        random.randrange(len(pieces) + 1), f"<h1>{sentence(random, 'latin')}</h1>{_byline(random)}{story}"
    )
    body = "".join(pieces)
    if random.random() < 0.15:
        body = f"<article{_attributes(random)}>{body}</article>"
    return f"<!doctype html><html{_attributes(random)}><head><title>{sentence(random, 'latin')}</title>{head}</head><body>{body}</body></html>"


def _byline(random: Random) -> str:
    if random.random() < 0.4:
        return ""
    who = random.choice(["By Ada Example", "By " + " ".join(["Ada"] * 40), "VON ADA, BEN UND CLEO", "©", "(AP) —", "Par " + sentence(random)])  # fmt: skip
    return f'<div class="byline">{who}</div><time datetime="{random.choice(DATES)}">{random.choice(DATES)}</time>'


def _attributes(random: Random) -> str:
    choice = random.random()
    if choice < 0.5:
        return ""
    if choice < 0.9:
        name = random.choice(["class", "id", "itemprop", "role", "data-x", "href", "style", "hidden", "aria-hidden", "datetime", "content", "rel", "lang", "src", "type", "name", "onclick", "xmlns:x", "x:y", ":", "class"])  # fmt: skip
        value = random.choice([*_CLASSES, *DATES, "display:none", "true", "/a", "next", "http://[", "de", "xx-YY-ZZ", "author", "articleBody", '"', "'", "<"])  # fmt: skip
        return f' {name}="{value}"'
    return " " + " ".join(f"a{n}=v" for n in range(random.choice([5, 50, 500])))


def _block(random: Random, depth: int) -> str:
    tag = random.choice(_TAGS)
    if depth == 0 or random.random() < 0.5:
        inner = random.choice([paragraph(random), sentence(random), "", *random.choices(DATES, k=1), f'<a href="/x">{sentence(random)}</a>', "<br>" * random.randrange(5)])  # fmt: skip
    else:
        inner = "".join(_block(random, depth - 1) for _ in range(random.randrange(0, 5)))
    end = "" if random.random() < 0.06 else f"</{tag}>"
    return f"<{tag}{_attributes(random)}>{inner}{end}" + (sentence(random) if random.random() < 0.1 else "")


def _head_piece(random: Random) -> str:
    choice = random.random()
    if choice < 0.45:
        value = random.choice([sentence(random), random.choice(DATES), random.choice(["article", "noai", "1", "http://["]), ",".join(_CLASSES)])  # fmt: skip
        return f'<meta {random.choice(["property", "name", "itemprop"])}="{random.choice(_META)}" content="{value}">'
    if choice < 0.85:
        return f'<script type="application/ld+json">{linked_data(random)}</script>'
    rel = random.choice(["canonical", "next", "prev", "alternate", "amphtml", "shortlink", "license"])
    return f'<link rel="{rel}" hreflang="{random.choice(["de", "x-default", ""])}" href="{random.choice([*URLS, "/2", "?page=2", "#"])}">'


def linked_data(random: Random) -> str:
    node: dict[str, Any] = {"@type": random.choice(["NewsArticle", ["Article"], None, "VideoObject"])}
    for _ in range(random.randrange(0, 12)):
        node[random.choice(_KEYS)] = _value(random, 3)
    text = json.dumps(node)
    spoil = random.random()
    if spoil < 0.4:
        return text
    at = random.randrange(len(text))
    return random.choice([
        text[:at], text[:at] + ",," + text[at:], f"<!-- {text} -->", f"/* {text[:9]} */ {text}", f"[{text},{text},]", text.replace('"', "'"),
        text.replace(",", ",\n// note\n"), text + "}" * 9, "[" * random.choice([10, 900, 5000]) + text, f"//<![CDATA[\n{text}\n//]]>", text.replace(":", ": NaN, \"x\":", 1),
        text.replace('"', "&quot;"), f'{{"@graph":[{text},null,3,[{text}]]}}', text + text, "null", "\ufeff" + text, text.replace(" ", "\n\t"), '"' * at + text, "\\" * at + text,
    ])  # fmt: skip


def _value(random: Random, depth: int) -> Any:
    choice = random.random()
    if choice < 0.35 or not depth:
        return random.choice(_VALUES)
    if choice < 0.6:
        return random.choice([sentence(random), random.choice(DATES), paragraph(random)])
    if choice < 0.8:
        return [_value(random, depth - 1) for _ in range(random.randrange(0, 4))]
    return {random.choice(_KEYS): _value(random, depth - 1) for _ in range(random.randrange(0, 5))}


# ---------------------------------------------------------------- spoiling


def flood(random: Random, size: int = 120_000) -> str:
    """A page one of whose kinds of content is far too much; about so many characters."""
    story = "".join(f"<p>{paragraph(random)}</p>" for _ in range(6))
    unit = random.choice(FLOODS)
    if isinstance(unit, str):
        unit = (unit, "")
    many = max(1, size // (len(unit[0]) + len(unit[1])))
    junk = unit[0] * many + unit[1] * many
    return random.choice([
        f"<html><head><title>Harbour</title></head><body><article><h1>Harbour</h1>{story}{junk}</article></body></html>",
        f"<html><head><title>Harbour</title>{junk}</head><body><article>{story}</article></body></html>",
        f"<html><body><p>{junk}</p>{story}</body></html>",
        f"<title>Harbour {junk}</title><h1>Harbour</h1>{story}",
        f'<html><head><script type="application/ld+json">{{"@type":"NewsArticle","headline":"Harbour","articleBody":{json.dumps(junk)}}}</script></head><body>{story}</body></html>',
        f'<html><head><meta name="author" content="{junk}"><meta name="keywords" content="{junk}"></head><body><div class="byline">By {junk}</div>{story}</body></html>',
        f'<html><body><h1 class="{junk}">Harbour</h1><time datetime="{junk}">{junk}</time>{story}</body></html>',
    ])  # fmt: skip


FLOODS: list[str | tuple[str, str]] = [
    "<p>word word word word.</p>", '<a href="/x">word word</a>', "<br>", "<h2>word word</h2>", "<li>word", ("<div>", "</div>"), ("<b>", "</b>"), ("<table><tr><td>", "</td></tr></table>"),
    ("<ul><li>", "</li></ul>"), ("<blockquote>", "</blockquote>"), "<div>", "<span>x", "&nbsp;", "&#8203;", "&amp;", "a", "a ", ",", ", ", "1", "1,", "1 ", "-", "- ", "e\u0301", "\u0301", "\u200b",
    "\u200d", "\u202e", "橋", "م", " ", "\n", " \n", "\t", ".", "...", "!", "\"", "'", "“", "©", "@", "a@b.c ", "http://a.b/ ", "2024-12-03 ", "3 min ago ", "By ", "By Ada, ", "and ", " | ", "Photo: ", "(c) ", "(AP) ",
    "<!--x-->", "<![CDATA[x]]>", "<?x?>", "<script>var a=1;</script>", "<style>a{}</style>", "<svg><path d='M0 0'/></svg>", "<noscript><p>x</p></noscript>", "<template><p>x</p></template>",
    "<img src=data:image/png;base64,AAAA>", "<figure><img src=/a.jpg><figcaption>word word word</figcaption></figure>", "<meta name=author content=Ada>", "<link rel=alternate hreflang=de href=/de>",
    "<script type=application/ld+json>{\"@type\":\"NewsArticle\",\"headline\":\"x\"}</script>", "<time datetime=2024-12-03>", "<iframe src=/x></iframe>", "<input>", "<x-y>", "<p><b><i>", "</p>", "<", ">", "&", "{", "[", "\\", "/*", "//", "#a ",
    "<div class=related><a href=/x>word word word word</a></div>", "<tr><td>1<td>2", "<option>x", "<p class=a>word word word word word word word word word word.</p>", "live ", "page 2 ", "_", "%20", "%", "<a rel=next href=?page=2>2</a>",
]  # fmt: skip


def spoil(random: Random, body: bytes, other: bytes) -> bytes:
    """The bytes after one to six mutations. other: a second page, of which pieces are taken."""
    for _ in range(random.choice([1, 1, 2, 3, 6])):
        body = random.choice(_MUTATIONS)(random, body or b"<p>", other)
        body = body[:600_000]
    return body


def _span(random: Random, body: bytes, most: int = 2000) -> tuple[int, int]:
    at = random.randrange(len(body) + 1)
    return at, min(len(body), at + random.randrange(1, most))


def _cut(random: Random, body: bytes, other: bytes) -> bytes:
    at, end = _span(random, body)
    return body[:at] + body[end:]


def _truncate(random: Random, body: bytes, other: bytes) -> bytes:
    return body[: random.randrange(len(body) + 1)]


def _double(random: Random, body: bytes, other: bytes) -> bytes:
    at, end = _span(random, body)
    return body[:end] + body[at:end] * random.choice([1, 1, 3, 40]) + body[end:]


def _splice(random: Random, body: bytes, other: bytes) -> bytes:
    at, end = _span(random, other, 8000)
    place = random.randrange(len(body) + 1)
    return body[:place] + other[at:end] + body[place:]


def _flip(random: Random, body: bytes, other: bytes) -> bytes:
    data = bytearray(body)
    for _ in range(random.choice([1, 5, 50])):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def _insert(random: Random, body: bytes, other: bytes) -> bytes:
    place = random.randrange(len(body) + 1)
    return body[:place] + random.choice(_CONTROL) * random.choice([1, 1, 2, 300]) + body[place:]


def _swap_tag(random: Random, body: bytes, other: bytes) -> bytes:
    one, two = random.choice(_TAGS).encode(), random.choice(_TAGS).encode()
    return body.replace(b"<" + one, b"<" + two, random.choice([1, -1]))


def _unclose(random: Random, body: bytes, other: bytes) -> bytes:
    return body.replace(b"</" + random.choice(_TAGS).encode() + b">", b"")


def _nest(random: Random, body: bytes, other: bytes) -> bytes:
    tag = random.choice(_TAGS).encode()
    many = random.choice([3, 100, 400])
    at, end = _span(random, body, 20_000)
    return body[:at] + (b"<%s>" % tag) * many + body[at:end] + (b"</%s>" % tag) * many + body[end:]


def _recode(random: Random, body: bytes, other: bytes) -> bytes:
    try:
        return body.decode("utf-8", "replace").encode(random.choice(CHARSETS), "replace")
    except (LookupError, UnicodeError, TypeError, AssertionError):
        return body


def _unquote(random: Random, body: bytes, other: bytes) -> bytes:
    return body.replace(b'"', random.choice([b"'", b"", b"&quot;", b"`"]))


_MUTATIONS: list[Callable[[Random, bytes, bytes], bytes]] = [_cut, _truncate, _double, _splice, _flip, _insert, _insert, _swap_tag, _unclose, _nest, _recode, _unquote]  # fmt: skip
