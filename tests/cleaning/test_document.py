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
