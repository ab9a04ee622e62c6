"""Pages that are no article, in several markups and languages, each with its reason; and articles that look like one."""

from __future__ import annotations

import json

import pytest

from cleaning import NoArticle
from cleaning.verdict import not_an_article

from .pages import STORY, URL, cleaned, html, paragraphs, story

FRONT = "https://gazette.example/"
SECTION = "https://gazette.example/local/harbour/"
HEADLINES = [f"Council of the harbour looks into matter number {n} of the quay" for n in range(40)]


def ld(**stated: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(stated)}</script>'


def refused(page: str | bytes, url: str = URL) -> str:
    with pytest.raises(NoArticle) as caught:
        cleaned(page, url=url)
    return caught.value.reason


# ---------------------------------------------------------------- lists

CARDS = "".join(
    f"<div class='card'><a href='/s/{n}'><h3>{line}</h3></a><p>Two words.</p></div>"
    for n, line in enumerate(HEADLINES)
)
ITEMS = "".join(f"<li><a href='/s/{n}'>{line}</a></li>" for n, line in enumerate(HEADLINES))
ROWS = "".join(f"<tr><td><a href='/s/{n}'>{line}</a></td></tr>" for n, line in enumerate(HEADLINES))
ARTICLES = "".join(
    f"<article><h2><a href='/s/{n}'>{line}</a></h2></article>" for n, line in enumerate(HEADLINES)
)


@pytest.mark.parametrize("url", [FRONT, SECTION])
@pytest.mark.parametrize("body", [CARDS, f"<ul>{ITEMS}</ul>", f"<table>{ROWS}</table>", ARTICLES], ids=["cards", "list", "table", "articles"])  # fmt: skip
def test_a_front_and_a_section_page(body: str, url: str):
    assert refused(html(f"<h1>Harbour</h1>{body}"), url) == "listing"


def test_a_tag_page_that_says_what_it_is():
    head = ld(**{"@type": "CollectionPage"})
    body = "".join(f"<div><a href='/s/{n}'>{line}</a> Yesterday.</div>" for n, line in enumerate(HEADLINES))
    assert refused(html(f"<h1>Harbour</h1>{body}", head), "https://gazette.example/tag/harbour/") == "listing"


# ---------------------------------------------------------------- pictures and players

PICTURE = "<img src='{n}.jpg'><figcaption>The bridge from quay number {n} at night, when all lamps are lit</figcaption>"
FIGURES = "".join(f"<figure>{PICTURE.format(n=n)}</figure>" for n in range(12))
SLIDES = "".join(f"<li class='slide'><figure>{PICTURE.format(n=n)}</figure></li>" for n in range(12))


@pytest.mark.parametrize(
    "page",
    [
        html(f"<h1>The bridge in pictures</h1><p>Twelve views of it.</p>{FIGURES}"),
        html(f"<h1>The bridge in pictures</h1><ol>{SLIDES}</ol>"),
        html("<h1>The bridge in pictures</h1><p>Twelve views of the bridge.</p>", ld(**{"@type": "ImageGallery"})),
        html("<h1>Die Brücke in Bildern</h1><p>Zwölf Ansichten der Brücke.</p>", ld(**{"@graph": [{"@type": "MediaGallery"}]})),
    ],
)  # fmt: skip
def test_a_gallery(page: str):
    assert refused(page) == "gallery"


@pytest.mark.parametrize("player", ["<video src='a.mp4'></video>", "<iframe src='https://player.example/a'></iframe>", "<div><video><source src='a.mp4'></video></div>"])  # fmt: skip
@pytest.mark.parametrize("head", ['<meta property="og:type" content="video.other">', ld(**{"@type": "VideoObject", "name": "The bridge"})])  # fmt: skip
def test_a_video(player: str, head: str):
    assert refused(html(f"<h1>Watch the bridge</h1>{player}<p>Our camera flew over the harbour bridge.</p>", head)) == "video"  # fmt: skip


# ---------------------------------------------------------------- walls

SHAPES = {
    "paragraph": "<main><h1>Harbour bridge closes</h1><p>Four of nine piers have cracks.</p><p>{}</p></main>",
    "box": "<div id='page'><h1>Harbour bridge closes</h1><div>Four of nine piers have cracks.</div><div class='overlay'><span>{}</span></div></div>",
    "dialog": "<p>Four of nine piers have cracks.</p><div role='dialog' class='modal'><h2>{}</h2><button>OK</button></div>",
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Subscribe to continue reading.", "paywall"), ("Diesen Artikel weiterlesen mit einem Abo.", "paywall"), ("Réservé aux abonnés.", "paywall"),
        ("Exclusivo para suscriptores.", "paywall"), ("Riservato agli abbonati.", "paywall"), ("Exclusivo para assinantes.", "paywall"),
        ("Alleen voor abonnees.", "paywall"), ("Tylko dla subskrybentów.", "paywall"), ("Лише для передплатників.", "paywall"),
        ("Только для подписчиков.", "paywall"), ("Csak előfizetőink olvashatják.", "paywall"), ("Endast för prenumeranter.", "paywall"),
        ("Verify you are human.", "bot_wall"), ("Bitte bestätigen Sie, dass Sie ein Mensch sind.", "bot_wall"), ("Confirmez que vous êtes un humain.", "bot_wall"),
        ("Verifica que eres humano.", "bot_wall"), ("Verifica di essere umano.", "bot_wall"), ("Confirme que você é humano.", "bot_wall"),
        ("Bevestig dat u een mens bent.", "bot_wall"), ("Potwierdź, że jesteś człowiekiem.", "bot_wall"), ("Підтвердіть, що ви не робот.", "bot_wall"),
        ("Подтвердите, что вы не робот.", "bot_wall"), ("Igazolja, hogy nem robot.", "bot_wall"), ("Bekräfta att du är människa.", "bot_wall"),
        ("We value your privacy.", "consent_wall"), ("Wir und unsere Partner speichern Daten.", "consent_wall"), ("Nous et nos partenaires stockons des données.", "consent_wall"),
        ("Nosotros y nuestros socios guardamos datos.", "consent_wall"), ("Noi e i nostri partner archiviamo dati.", "consent_wall"), ("Utilizamos cookies e tecnologias de terceiros.", "consent_wall"),
        ("Wij en onze partners bewaren gegevens.", "consent_wall"), ("My i nasi partnerzy przechowujemy dane.", "consent_wall"), ("Ми та наші партнери зберігаємо дані.", "consent_wall"),
        ("Мы и наши партнеры храним данные.", "consent_wall"), ("Mi és partnereink adatokat tárolunk.", "consent_wall"), ("Vi och våra partner lagrar uppgifter.", "consent_wall"),
        ("The page you are looking for is not here.", "soft_404"), ("Die gesuchte Seite gibt es nicht.", "soft_404"), ("Cette page est introuvable.", "soft_404"),
        ("No hemos encontrado la página.", "soft_404"), ("La pagina richiesta non esiste.", "soft_404"), ("A página solicitada não existe.", "soft_404"),
        ("Deze pagina bestaat niet.", "soft_404"), ("Strona o podanym adresie nie istnieje.", "soft_404"), ("Такої сторінки не існує.", "soft_404"),
        ("Такой страницы нет.", "soft_404"), ("Ez az oldal nem létezik.", "soft_404"), ("Sidan finns inte längre.", "soft_404"),
    ],
)  # fmt: skip
def test_walls_and_missing_pages(words: str, reason: str, shape: str):
    assert refused(html(shape.format(words))) == reason


@pytest.mark.parametrize("tier", [ld(**{"@type": "NewsArticle", "isAccessibleForFree": False}), '<meta property="article:content_tier" content="locked">'])  # fmt: skip
def test_a_teaser_of_what_is_declared_closed(tier: str):
    assert refused(html(f"<h1>Harbour bridge closes</h1><p>{STORY[0]}</p>", tier)) == "paywall"


# ---------------------------------------------------------------- nothing to read


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"), (b" \r\n\0", "empty"), (b"<html><body><script>var a;</script></body></html>", "empty"), (b"<!doctype html><div id='app'></div>", "empty"),
        (b"<p>Cracks in four piers.</p>", "too_short"), (b"<div><span>Cracks</span><span>in piers</span></div>", "too_short"),
        (b"%PDF-1.7 \x00\x01\x02", "not_html"), (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not_html"), (b'{"title": "Bridge"}', "not_html"), (b"PK\x03\x04", "not_html"),
    ],
)  # fmt: skip
def test_nothing_to_read(body: bytes, reason: str):
    assert refused(body) == reason


# ---------------------------------------------------------------- articles that look like one

SHORT = f"<p>{STORY[0]}</p><p>{STORY[1]}</p>"  # 40 words and more


@pytest.mark.parametrize(
    "page",
    [
        html(f"<div id='banner'><p>We value your privacy. We and our partners store data.</p><button>Accept</button></div><article><h1>Harbour bridge closes</h1>{SHORT}</article>"),
        html(f"<header><a href='/in'>Already a subscriber? Log in</a></header><article><h1>Harbour bridge closes</h1>{SHORT}</article>"),
        html(f"<article><h1>Not found: the plans of the bridge</h1>{paragraphs()}</article>"),
        html(f"<h1>The bridge in pictures</h1>{paragraphs()}{FIGURES}", ld(**{"@type": "ImageGallery"})),
        html(f"<h1>Harbour bridge closes</h1><video src='a.mp4'></video>{paragraphs()}", '<meta property="og:type" content="video.other">'),
        story(head=ld(**{"@type": "LiveBlogPosting", "headline": "Live: the bridge"})),
        story(head=ld(**{"@type": "NewsArticle", "isAccessibleForFree": False})),
        html(f"<ul>{ITEMS}</ul><article><h1>Harbour bridge closes</h1>{paragraphs()}</article><ul>{ITEMS}</ul>"),
    ],
    ids=["cookie banner", "subscriber banner", "title", "gallery", "video", "live blog", "closed but whole", "links"],
)  # fmt: skip
def test_an_article_stays_one(page: str):
    assert cleaned(page).word_count >= 40


@pytest.mark.parametrize(
    ("url", "is_story"),
    [
        ("https://gazette.example/?p=959", True), ("https://gazette.example/view?idxno=77&page=1", True),
        ("https://gazette.example/index.php?lang=en&article_id=12", True), ("https://gazette.example/?page=2", False),
        ("https://gazette.example/?p=news", False), ("https://gazette.example/", False),
    ],
)  # fmt: skip
def test_an_address_may_name_the_story_in_its_query(url: str, is_story: bool):
    assert not_an_article.may_be_listing(url, [], "") is not is_story
