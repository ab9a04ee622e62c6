from __future__ import annotations

import pytest

from cleaning.text import charsets

TEXT = "Café à Besançon, déjà vu"


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (TEXT.encode(), None), (TEXT.encode(), "cp1252"), (TEXT.encode("latin-1"), "cp1252"), (TEXT.encode("utf-8-sig"), "cp1252"),
        (TEXT.encode("utf-16"), None), ((f"<meta charset=iso-8859-1>{TEXT}").encode("latin-1"), None),
    ],
)  # fmt: skip
def test_bytes_are_read_whatever_the_label_says(body: bytes, declared: str | None):
    assert charsets.decode(body, declared).endswith(TEXT)


def test_few_letters_of_another_charset_are_no_damage():
    page = f'<meta charset="iso-8859-1">{"word " * 4000}Gärten' + "é" * 3
    assert charsets.decode(page.encode("latin-1")) == page


def test_a_little_damage_in_utf_8_is_damage_whatever_the_label_says():
    page = f'<meta charset="iso-8859-1">{"wörd " * 4000}'
    assert charsets.decode(page.encode() + b"\xff!") == f"{page}\ufffd!"
    assert charsets.decode(b'<meta charset="utf-8">' + b"word " * 4000 + b"\xe4!").endswith("word \ufffd!")


def test_an_unknown_label_is_no_label():
    assert charsets.decode(b'<meta charset="klingon">plain', None).endswith("plain")


@pytest.mark.parametrize(
    ("text", "charset", "header", "meta"),
    [
        ("北岸的新图书馆星期一开放，读者可以借书。", "gb18030", "cp1252", "gbk"),
        ("새 다리는 월요일에 열린다고 시장이 말했다.", "cp949", "cp1252", "ks_c_5601-1987"),
        ("Новый мост откроют в понедельник, сказал мэр.", "cp1251", "cp1252", "windows-1251"),
        ("Nový most otevřou v pondělí, „řekl“ mluvčí. Žádný šok.", "cp1250", None, "iso-8859-2"),
        ("新しい橋は月曜日に開通すると市長が述べた①。", "cp932", None, "x-sjis"),
        ("สะพานใหม่จะเปิดวันจันทร์ “นายก”", "cp874", None, "tis-620"),
        ("Ο δήμαρχος είπε ότι η γέφυρα “ανοίγει” τη Δευτέρα.", "cp1253", None, "iso-8859-7"),
    ],
)
def test_the_label_that_decodes_into_a_language_wins(text: str, charset: str, header: str | None, meta: str):
    page = f"<meta charset={meta}><p>{text}</p>"
    assert charsets.decode(page.encode(charset), header) == page


@pytest.mark.parametrize(
    ("text", "charset", "label"),
    [
        ("市图书馆新楼昨天上午正式开放，读者可以借阅图书。", "gb18030", "gb2312"),
        ("新しい橋は月曜日に開通すると市長が述べた。", "cp932", "shift_jis"),
        ("새 다리는 월요일에 열린다고 시장이 말했다.", "cp949", "euc-kr"),
    ],
)
def test_one_broken_byte_is_one_replacement(text: str, charset: str, label: str):
    body = f"<meta charset={label}>{text * 9}".encode(charset) + b"\x85\xff<p>" + text.encode(charset)
    decoded = charsets.decode(body)
    assert decoded.count(text) == 10
    assert "\ufffd" in decoded


@pytest.mark.parametrize("label", ["rot13", "utf-7", "idna", "base64"])
def test_a_codec_that_is_no_charset_of_the_web_is_no_label(label: str):
    assert charsets.codec_of(label) is None
