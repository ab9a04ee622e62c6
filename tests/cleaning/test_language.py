"""The language of a text, and that langdetect is asked as it would answer itself."""

from __future__ import annotations

from random import Random

import pytest
from langdetect.detector import Detector

from cleaning.metadata.language import FastDetector, language_of, load_profiles

TEXTS = {
    "en": "The bridge over the river was closed on Monday, said the mayor, because a pier has cracks; the FIRE brigade and the EU pay.",
    "de": "Die Brücke über den Fluss wurde am Montag gesperrt, sagte der Bürgermeister der dpa; die EU zahlt für den Pfeiler mit.",
    "el": "Η γέφυρα πάνω από το ποτάμι έκλεισε τη Δευτέρα, είπε ο δήμαρχος, επειδή ένας πυλώνας έχει ρωγμές (BBC).",
    "ru": "Мост через реку закрыли в понедельник, сказал мэр, потому что в опоре трещины. Подробнее: https://gazette.example/a",
    "ja": "川に架かる橋が月曜日に閉鎖されたと市長が述べた。橋脚にひびが入っているためだ。NHKが伝えた。",
    "ar": "أغلق الجسر فوق النهر يوم الاثنين، بحسب رئيس البلدية، بسبب تشققات في أحد الأعمدة.",
    "vi": "Cây cầu bắc qua sông đã bị đóng cửa hôm thứ Hai, thị trưởng cho biết, vì một trụ cầu bị nứt.",
    "ro": "Podul peste râu a fost închis luni, a spus primarul, fiindcă un pilon are fisuri și șoseaua este ocolită.",
}


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_is_told(language: str):
    assert language_of(TEXTS[language] * 2)[0] == language


def test_a_few_words_are_not_guessed():
    assert language_of("Brücke gesperrt", "de") == ("de", None)


def test_the_answer_is_langdetects_own():
    random = Random(7)
    grams = sorted(load_profiles().word_lang_prob_map)
    mixed = ["".join(random.choices([*grams, " ", "A", "B"], k=99)) for _ in range(40)]
    strange = ["".join(map(chr, random.choices(range(32, 0xD7A4), k=200))) for _ in range(10)]
    for text in [
        *TEXTS.values(),
        *mixed,
        *strange,
        "a",
        "ABC DE f",
        "12 34",
        "  a   b  ",
        "write to a@b.example",
    ]:
        ours, theirs = _asked(FastDetector, text), _asked(Detector, text)
        assert ours.text == theirs.text
        assert ours._extract_ngrams() == theirs._extract_ngrams(), text
        if ours._extract_ngrams():
            assert [(one.lang, one.prob) for one in ours.get_probabilities()] == [
                (one.lang, one.prob) for one in theirs.get_probabilities()
            ], text


def _asked(make: type[Detector], text: str) -> Detector:
    detector = make(load_profiles())
    detector.seed, detector.n_trial = 1, 1
    detector.append(text)
    detector.cleaning_text()
    return detector


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        ("ახალი ხიდი ორშაბათს გაიხსნება და მგზავრები ისევ ფეხით გადავლენ მდინარეზე", "en", "ka"),
        ("Նոր կամուրջը կբացվի երկուշաբթի օրը և ուղևորները կանցնեն գետը", None, "hy"),
        ("አዲሱ ድልድይ ሰኞ ይከፈታል ሲሉ ከንቲባው ተናግረዋል", None, "am"),
        ("北岸的新图书馆星期一开放，读者可以借书，馆长说。", "en", "zh"),
        ("Новы мост адкрыюць у панядзелак, сказаў мэр, і жыхары зноў пойдуць праз раку ў горад", None, "be"),
        (
            "Zubi berria astelehenean irekiko dute, esan zuen alkateak, eta herritarrak pozik daude",
            "eu",
            "eu",
        ),
        ("A nova ponte abrirá o luns, dixo o alcalde, e a xente volverá cruzar o río a pé", "gl-ES", "gl"),
        (
            "The new bridge opens on Monday, the mayor said, and people will cross the river on foot",
            "eu",
            "en",
        ),
    ],
)
def test_the_script_and_the_page_tell_what_langdetect_does_not_know(
    text: str, declared: str | None, language: str
):
    assert language_of(f"{text}. {text}. {text}.", None, declared)[0] == language
