"""What a page says about itself becomes fields."""

from __future__ import annotations

import json

import pytest

from .pages import URL, cleaned, html, paragraphs, story


def ld(**stated: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle"} | stated)}</script>'


def kicker(label: str) -> str:
    return html(f"<main><p class='k'>{label}</p><h1>Harbour bridge closes</h1>{paragraphs()}</main>")


# ---------------------------------------------------------------- genre


@pytest.mark.parametrize(
    ("label", "field"),
    [
        ("Opinion", "opinion"), ("Leitartikel", "opinion"), ("Tribune", "opinion"), ("Opinión", "opinion"), ("Editoriale", "opinion"),
        ("Opinião", "opinion"), ("Commentaar", "opinion"), ("Felieton", "opinion"), ("Думка", "opinion"), ("Мнение", "opinion"),
        ("Vélemény", "opinion"), ("Ledare", "opinion"),
        ("Sponsored content", "sponsored"), ("Advertorial", "sponsored"), ("Contenu sponsorisé", "sponsored"), ("Contenido patrocinado", "sponsored"),
        ("Contenuto sponsorizzato", "sponsored"), ("Conteúdo patrocinado", "sponsored"), ("Gesponsorde inhoud", "sponsored"), ("Artykuł sponsorowany", "sponsored"),
        ("На правах реклами", "sponsored"), ("На правах рекламы", "sponsored"), ("Támogatott tartalom", "sponsored"), ("Annonssamarbete", "sponsored"),
        ("Live updates", "live_blog"), ("Liveticker", "live_blog"), ("En direct", "live_blog"), ("En vivo", "live_blog"), ("In diretta", "live_blog"),
        ("Ao vivo", "live_blog"), ("Liveblog", "live_blog"), ("Relacja na żywo", "live_blog"), ("Наживо", "live_blog"), ("Прямой эфир", "live_blog"),
        ("Percről percre", "live_blog"), ("Direktrapport", "live_blog"),
    ],
)  # fmt: skip
def test_a_label_above_the_headline_tells_the_genre(label: str, field: str):
    article = cleaned(kicker(label))
    assert [name for name in ("opinion", "sponsored", "live_blog") if getattr(article, name)] == [field]


@pytest.mark.parametrize(
    ("page", "url", "field"),
    [
        (story(head=ld(**{"@type": "OpinionNewsArticle"})), URL, "opinion"),
        (story(head=ld(**{"@type": ["Article", "LiveBlogPosting"]})), URL, "live_blog"),
        (story(head=ld(**{"@type": "AdvertiserContentArticle"})), URL, "sponsored"),
        (story(head=ld(sponsor={"@type": "Organization", "name": "Quay Paints"})), URL, "sponsored"),
        (story(head=ld(articleSection="Comment and opinion")), "https://gazette.example/opinion/the-bridge-and-us", "opinion"),
        (story(head=ld(genre="Editorial")), URL, "opinion"),
        (story(head=ld(headline="Kommentar: Die Brücke und wir")), URL, "opinion"),
        (story(head=ld(headline="Live: the bridge is shut")), URL, "live_blog"),
    ],
)  # fmt: skip
def test_so_do_type_section_address_and_headline(page: str, url: str, field: str):
    assert getattr(cleaned(page, url=url), field)


@pytest.mark.parametrize(
    "page",
    [
        story(),
        html(
            f"<nav><ul><li>News</li><li>Opinion</li></ul></nav><h1>Harbour bridge closes</h1>{paragraphs()}"
        ),
        story(head=ld(headline="Council: the bridge is shut", articleSection="Local news")),
        html(f"<p>In the opinion of the council</p><h1>Harbour bridge closes</h1>{paragraphs()}"),
    ],
)
def test_a_menu_or_a_word_in_passing_tells_nothing(page: str):
    article = cleaned(page)
    assert (article.opinion, article.sponsored, article.live_blog) == (False, False, False)


# ---------------------------------------------------------------- paywall


@pytest.mark.parametrize(
    ("stated", "closed"),
    [
        ({"isAccessibleForFree": False}, True),
        ({"isAccessibleForFree": "False"}, True),
        ({"isAccessibleForFree": "http://schema.org/False"}, True),
        ({"isAccessibleForFree": True}, False),
        (
            {"isAccessibleForFree": "true", "hasPart": {"isAccessibleForFree": "False", "cssSelector": ".x"}},
            True,
        ),
        ({"hasPart": [{"@type": "WebPageElement", "isAccessibleForFree": False}]}, True),
        ({"hasPart": [7, None, {"isAccessibleForFree": "perhaps"}]}, None),
        ({}, None),
    ],
)
def test_a_paywall_as_it_is_declared(stated: dict[str, object], closed: bool | None):
    assert cleaned(story(head=ld(**stated))).paywall is closed


def test_the_content_tier_of_the_head_declares_one_too():
    assert cleaned(story(head='<meta property="article:content_tier" content="locked">')).paywall is True
    assert cleaned(story(head='<meta property="article:content_tier" content="metered">')).paywall is None


@pytest.mark.parametrize(
    "wall",
    [
        "To continue reading this article, subscribe.", "Diesen Artikel weiterlesen mit einem Abo.", "La suite est réservée aux abonnés.",
        "Contenido exclusivo para suscriptores.", "Contenuto riservato agli abbonati.", "Conteúdo exclusivo para assinantes.",
        "Dit artikel is alleen voor abonnees.", "Treść dostępna tylko dla subskrybentów.", "Матеріал доступний лише для передплатників.",
        "Материал доступен только подписчикам.", "A teljes cikk előfizetőink számára érhető el.", "Läs hela artikeln som prenumerant.",
    ],
)  # fmt: skip
def test_a_wall_is_seen_where_the_text_ends(wall: str):
    article = cleaned(story(after=f"<div class='x'><p>{wall}</p></div>"))
    assert article.paywall_seen
    assert article.text_is_partial


def test_a_wall_is_seen_where_the_closed_part_is_not_there():
    part = {"isAccessibleForFree": False, "cssSelector": ".closed"}
    assert cleaned(story(head=ld(hasPart=part))).paywall_seen
    whole = story(after=f"<div class='closed'>{paragraphs()}</div>", head=ld(hasPart=part))
    assert not cleaned(whole).paywall_seen


def test_a_wall_is_seen_where_most_of_the_words_told_are_not_there():
    assert cleaned(story(head=ld(isAccessibleForFree=False, wordCount=900))).paywall_seen
    assert not cleaned(story(head=ld(isAccessibleForFree=False, wordCount=100))).paywall_seen
    assert not cleaned(story(head=ld(isAccessibleForFree=True, wordCount=900))).paywall_seen


@pytest.mark.parametrize("selector", [":::", "p[", "x" * 5000, 7, None, ["a"]])
def test_a_bad_selector_costs_nothing(selector: object):
    part = {"isAccessibleForFree": False, "cssSelector": selector}
    assert cleaned(story(head=ld(hasPart=[part]))).paywall is True


# ---------------------------------------------------------------- credits, rights, disclosures


@pytest.mark.parametrize(
    ("line", "credit"),
    [
        ("This story was originally published by The Quay Courier.", "The Quay Courier"),
        ("Dieser Text erschien zuerst bei Der Hafenbote.", "Der Hafenbote"),
        ("Cet article a été initialement publié sur Le Quai.", "Le Quai"),
        ("Este artículo fue publicado originalmente en El Muelle.", "El Muelle"),
        ("Articolo pubblicato originariamente su Il Molo.", "Il Molo"),
        ("Este texto foi publicado originalmente em O Cais.", "O Cais"),
        ("Dit artikel verscheen eerder in De Kade.", "De Kade"),
        ("Tekst ukazał się pierwotnie w Nabrzeże.", "Nabrzeże"),
        ("Текст вперше опубліковано на Набережна.", "Набережна"),
        ("Текст впервые опубликовано на Причал.", "Причал"),
        ("Eredeti megjelenés: A Rakpart.", "A Rakpart"),
        ("Texten publicerades ursprungligen i Kajbladet.", "Kajbladet"),
        ("Source: The Quay Courier", "The Quay Courier"),
    ],
)
def test_the_outlet_that_a_text_is_taken_from(line: str, credit: str):
    assert cleaned(story(after=f"<p>{line}</p>")).syndication_credit == credit


@pytest.mark.parametrize(
    "line", ["Copyright Policy", "Copyright Notice | Terms", "Copyright Policy Copyright ©2019 Quay Press"]
)
def test_a_link_of_the_footer_names_no_source(line: str):
    assert cleaned(story(after=f'<p class="copyright">{line}</p>')).syndication_credit is None


@pytest.mark.parametrize(
    ("head", "credit"),
    [
        ('<meta name="syndication-source" content="https://courier.example/bridge">', "courier.example"),
        ('<meta name="original-source" content="https://gazette.example/bridge">', None),
        (ld(isBasedOn={"@type": "NewsArticle", "name": "The Quay Courier"}), "The Quay Courier"),
        (ld(isBasedOn="https://courier.example/bridge"), "courier.example"),
        (ld(sourceOrganization={"name": "Quay News Agency"}), "Quay News Agency"),
        (ld(author={"name": "Reuters"}), "Reuters"),
        (ld(author={"name": "Ann Lee"}), None),
    ],
)  # fmt: skip
def test_a_source_that_the_head_names(head: str, credit: str | None):
    assert cleaned(story(head=head)).syndication_credit == credit


@pytest.mark.parametrize(
    "agency", ["Reuters", "dpa", "AFP", "EFE", "ANSA", "Lusa", "PAP", "TT", "УНІАН", "Укрінформ"]
)
def test_an_agency_that_signs_with_its_name(agency: str):
    assert cleaned(story(before=f"<p>LINDOW, 3 Dec ({agency}) - The bridge over the harbour is shut from Monday on.</p>")).syndication_credit == agency  # fmt: skip
    assert cleaned(story(after=f"<p>The last ferry leaves the island at eleven. ({agency})</p>")).syndication_credit == agency  # fmt: skip


def test_rights_and_disclosures_that_only_the_head_states():
    article = cleaned(
        story(
            head=ld(
                copyrightNotice="Quay Press, all rights reserved",
                digitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            )
        )
    )
    assert article.rights == "Quay Press, all rights reserved"
    assert article.ai_disclosure is not None
    assert "trainedAlgorithmicMedia" in article.ai_disclosure
