"""What an outlet's pages say of its clutter, without anybody's telling what the story is."""

import tomllib

import pytest

from cleaning import Rules, check_rules, clean
from cleaning.rule_authoring.rule_suggestions import suggest_rules
from cleaning.rule_authoring.samples import stable_name
from tests.cleaning.pages import html, raw

pytestmark = pytest.mark.xdist_group("suggesting")

TOWNS = ("Arnau", "Berring", "Cadolt", "Dornick", "Elmsey", "Farholt")


def body(town):
    return "".join(
        f"<p>{text}</p>"
        for text in (
            f"The bridge of {town} will close for a year from Monday, as the council there decided late on Tuesday.",
            f"Engineers had found cracks in four of the nine piers at {town}, and the repair costs eleven million.",
            f"Shopkeepers of {town} fear for their trade, and a ferry will carry people between the two quays.",
            f"The people of {town} will hear more of it in March, when the first pier should be finished.",
        )
    )


def page(town, inside="", behind=""):
    return raw(
        html(
            f'<div class="story-text"><h1>Bridge of {town} closes</h1>{body(town)}{inside}</div>{behind}',
            f'<meta property="og:title" content="Bridge of {town} closes">',
        ),
        url=f"https://gazette.example/2024/12/03/bridge-of-{town.lower()}-closes",
    )


def other_story(town):
    """Prose of another story behind the own one, in a box that general rules do not know by its name."""
    return (
        f'<div class="onward-journey"><p>The mayor of {town} opened a market hall on Sunday, and many came to see it.</p>'
        f"<p>A band from {town} played until the rain drove everybody home at about six in the evening.</p></div>"
    )


@pytest.fixture(scope="module")
def onward():
    return suggest_rules([page(town, behind=other_story(town)) for town in TOWNS])


def test_the_box_of_the_story_is_found(onward):
    assert onward.box == (".story-text",)


def test_text_behind_the_story_in_a_box_of_its_own_is_proposed_with_its_evidence(onward):
    [proposal] = onward.proposals
    assert (proposal.key, proposal.value, proposal.pages) == ("cut", ".onward-journey", 6)
    assert "on 6 of 6 pages" in onward.toml()


def test_what_is_proposed_holds_on_a_page_that_was_not_seen(onward):
    unseen = page("Gravel", behind=other_story("Gravel"))
    assert "market hall" in clean(unseen).text
    assert "market hall" not in clean(unseen, onward.rules).text
    assert clean(unseen, onward.rules).text.splitlines()[-1].startswith("The people of Gravel")


def test_the_proposal_is_a_section_that_an_outlet_file_takes(onward):
    section = tomllib.loads(onward.toml())["clutter"]
    assert section == {"cut": [".onward-journey"]}
    assert check_rules(Rules(cut=tuple(section["cut"]))) == []


def test_a_line_that_recurs_and_stands_in_no_box_is_a_pattern():
    plea = "<p>Write to the editor about this story's (many) words.</p>"
    found = suggest_rules([page(town, inside=plea) for town in TOWNS])
    [proposal] = found.proposals
    assert proposal.key == "lines"
    assert tomllib.loads(found.toml())["clutter"]["lines"] == [proposal.value]
    assert "Write to" not in clean(page("Gravel", inside=plea), found.rules).text


def test_paragraphs_of_the_storys_box_that_general_rules_cut_are_kept():
    more = "".join(
        f"<p>{text}</p>"
        for text in (
            "A detour of nine miles leads over {0} mill, where the road is narrow and two lorries cannot pass.",
            "The last repair at {0} was made forty years ago, and its bill was never found in any archive.",
            "Trains to {0} run as before, and the railway has promised two more coaches for the morning.",
        )
    )
    lost = (
        more
        + '<p class="newsletter">Nobody in {0} had expected the {0} bridge to fail so soon, said the head of the works office, who had asked for the money since spring.</p>'
    )
    pages = [page(town, inside=lost.format(town)) for town in TOWNS]
    assert "works office" not in clean(pages[0]).text
    found = suggest_rules(pages)
    assert [(p.key, p.value) for p in found.proposals] == [("keep", ".story-text > p")]
    assert "works office" in clean(pages[0], found.rules).text


def test_a_twin_of_the_storys_box_is_no_clutter():
    def halves(town):
        lines = body(town)
        return f"<h2>What comes next in {town}</h2>" + lines.replace("bridge", "ferry").replace(
            "pier", "quay"
        )

    found = suggest_rules(
        [page(town, behind=f'<div class="more-text">{halves(town)}</div>') for town in TOWNS]
    )
    assert found.proposals == ()


def test_of_clean_pages_nothing_is_proposed():
    found = suggest_rules([page(town) for town in TOWNS])
    assert (found.pages, found.proposals) == (6, ())


def test_pages_without_an_article_do_not_count():
    assert suggest_rules([page(TOWNS[0]), raw("<p>No story.</p>"), raw("")]).pages == 1


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("article-body", "article-body"),
        ("story__text__1FZLe", "story__text"),
        ("kOmjHQ", ""),
        ("esGphs", ""),
        ("sc-1rl7ub7-2", ""),
        ("css-1x2y3z", ""),
        ("container", ""),
        ("md:mr-4", ""),
        ("camelCaseName", "camelCaseName"),
    ],
)
def test_only_names_that_somebody_chose_make_selectors(token, name):
    assert stable_name(token) == name
