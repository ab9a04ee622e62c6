from __future__ import annotations

import pytest

from cleaning.text.mojibake import mojibake_share, repair_double_utf8

GOOD = (
    "Der Bürgermeister sagte „nein“ – und ging über die Brücke.",
    "« L’été\xa0», dit-elle, « a été là\xa0» : déjà vu. ¿Él? ¡Ánimo!",
    "Žluťoučký kůň úpěl ďábelské ódy.",
    "Мэр ответил: «Нет», — и ушёл.",
    "市图书馆新楼昨天上午正式开放，读者可以借阅图书。",
    "市長は月曜日に述べた。",
    "Cầu mới sẽ mở cửa vào thứ Hai, ông thị trưởng nói.",
    "Ο δήμαρχος είπε όχι.",
)


@pytest.mark.parametrize("text", GOOD)
def test_good_text_is_no_mojibake(text: str):
    assert mojibake_share(text) < 0.05
    assert repair_double_utf8(text * 5) == (text * 5, 0)


@pytest.mark.parametrize(
    ("text", "charset", "read_as"),
    [
        (GOOD[3], "cp1251", "latin-1"), (GOOD[3], "cp1251", "koi8-r"), (GOOD[3], "utf-8", "cp1251"), (GOOD[4], "gb18030", "latin-1"),
        (GOOD[4], "utf-8", "latin-1"), (GOOD[7], "cp1253", "latin-1"), (GOOD[5], "euc-jp", "latin-1"), (GOOD[3], "utf-8", "latin-1"),
    ],
)  # fmt: skip
def test_text_in_a_wrong_charset_is_mojibake(text: str, charset: str, read_as: str):
    wrong = text.encode(charset, "ignore").decode(read_as, "replace")
    assert mojibake_share(wrong) > 0.3


@pytest.mark.parametrize("text", GOOD)
def test_utf_8_encoded_twice_is_decoded_twice(text: str):
    double = "".join(
        bytes([code]).decode("cp1252") if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(code)
        for code in (text * 3).encode()
    )
    again, count = repair_double_utf8(double)
    assert again == text * 3
    assert count == sum(character > "\x7f" for character in text * 3)
