"""text_confidence: how sure cleaning is of what it gives."""

from cleaning.verdict.confidence import Signs, text_confidence

from .pages import STORY, cleaned, html, story

TEASERS = "".join(f"<div>{n} more stories from the harbour town</div>" for n in range(30))


def test_it_is_a_probability_and_repeats_itself():
    first, second = cleaned(story()), cleaned(story())
    assert 0 < first.text_confidence == second.text_confidence < 1


def test_a_clean_story_is_surer_than_scraps_of_a_page():
    told = '<script type="application/ld+json">{"@type": "NewsArticle", "author": "Ann Lee"}</script>'
    scraps = html("<p>" + "<br>".join(text[:40] for text in STORY * 3) + f"</p>{TEASERS}")
    assert cleaned(story(head=told)).text_confidence > cleaned(scraps).text_confidence + 0.1


def test_the_weights_agree_with_the_meaning_of_the_signs():
    good = Signs(1.0, 1.0, 1.0, 0.0, 0.8, 1.0, 1.0, 3.0, 40.0)
    bad = Signs(0.2, 0.1, 0.3, 1.0, 0.1, 0.0, 0.0, 3.0, 8.0)
    assert text_confidence(bad) < 0.6 < 0.9 < text_confidence(good)
