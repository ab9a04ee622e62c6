from __future__ import annotations

import json

import pytest

from cleaning import NoArticle

from .pages import STORY, cleaned, html

FRAME = '<div id="root"></div><script src="/app.js"></script>'


@pytest.mark.parametrize(
    "body",
    [
        FRAME,
        f"{FRAME}<noscript>You need to enable JavaScript to run this app.</noscript>",
        "<div id=x></div><p>Bitte aktivieren Sie JavaScript, um die Zeitung zu lesen.</p>",
        "<div id=x></div><p>JavaScript is turned off. Switch it on to read the Gazette.</p>",
    ],
)
def test_an_empty_frame_needs_javascript(body: str):
    with pytest.raises(NoArticle) as refusal:
        cleaned(html(body))
    assert refusal.value.reason == "needs_javascript"


@pytest.mark.parametrize(
    "script",
    [
        '<script id="__NEXT_DATA__" type="application/json">%s</script>',
        "<script>window.__INITIAL_STATE__ = %s;</script>",
    ],
)
@pytest.mark.parametrize(
    "story",
    [
        {"body": [{"type": "p", "text": text} for text in STORY]},
        {"content": "".join(f"<p>{text}</p>" for text in STORY)},
        {"text": "\n\n".join(STORY)},
    ],
)
def test_the_story_is_read_from_the_state(script: str, story: dict[str, object]):
    state = json.dumps(
        {
            "props": {
                "menu": ["News"],
                "article": story,
                "related": [{"teaser": "A short teaser of another story stands here too."}],
            }
        }
    )
    assert cleaned(html(FRAME + script % state)).text.splitlines() == list(STORY)
