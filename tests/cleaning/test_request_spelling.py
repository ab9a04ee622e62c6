"""Which address is requested for an address that was found; ids do not depend on it."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cleaning
from cleaning import canonical, page_id, request_url
from cleaning.url import without_tracking

SITE = "https://courier.example"
# made by the version before request_url; URL → id, canonical URL, URL without tracking parameters
GOLDEN = json.loads(Path(__file__).with_name("page_ids.golden.json").read_text("utf-8"))
TABLES = tomllib.loads(Path(cleaning.__file__).with_name("tracking.toml").read_text("utf-8"))

# by kind: what is hung on /news/bridge
TRACKING = {
    "analytics": ["utm_source=rss", "UTM_Campaign=x", "utm-medium=feed", "utm.term=x", "utm", "pk_cid=1", "piwik_kwd=x", "WT.mc_id=tw", "s_kwcid=AL!1", "cx_recsWidget=2", "at_emailtype=retention"],
    "advertisements": ["gclid=x", "gad_source=1", "srsltid=Afm", "rdt_cid=1", "ScCid=x", "li_fat_id=x", "tblci=GiC", "dicbo=v2", "obOrigUrl=true", "irclickid=x"],
    "newsletters": ["hsa_acc=1", "mc_tc=1", "vero_conv=x", "oly_anon_id=x", "sfmc_id=1", "sc_lid=2", "dm_i=1,2", "bsft_eid=x", "ml_subscriber=1", "_bhlid=x"],
    "publishers": ["guce_referrer_sig=x", "soc_trk=ma", "smtyp=cur", "traffic_source=rss", "maca=de-rss-de-all-1-rdf", "srnd=x", "ftcamp=x"],
    "values": ["campaign=rss", "referrer=feed", "cmp=Share_AndroidApp", "cmp=atom", "partner=rss&emc=rss", "mbid=synd_x", "ncid=edlinkusaolp00000029", "ftag=ABC12de34f", "mod=mw_rss_topstories", "trk=public_post", "share=facebook", "feature=share", "source=linkedin"],
    "escapes": ["utm%5Fsource=rss", "%75tm_source=rss", "amp;utm_source=rss", "&&spm=a.b&", "gaa%5Fat=g&amp;gaa_sig=x"],
}  # fmt: skip
SPELLINGS = {
    "dots": ["/news/./bridge", "/news/x/../bridge", "/./news/y/z/../../bridge", "/../news/bridge", "/news/%2E/bridge", "/news/x/%2e%2E/bridge"],
    "unreserved": ["/news/%62ridge", "/%6Eews/bridg%65", "/n%65ws/%62%72idge"],
    "sessions": ["/news/bridge;jsessionid=1F2E", "/news/bridge;JSESSIONID=1F2E.node2", "/news/bridge%3Bjsessionid%3D1F2E", "/news/bridge;%6Asessionid=1"],
    "ends": ["/news/bridge?", "/news/bridge?&", "/news/bridge#top", "/news/bridge?#top"],
}  # fmt: skip
# what may be another page stays a request of its own
APART = [
    "/news/bridge", "/news//bridge", "//news/bridge", "/News/bridge", "/news/bridge%20", "/news/bridge.html", "/news/bridge/index.html",
    "/news/bridge/amp", "/amp/news/bridge", "/news%2Fbridge", "/news/bridge;id=1", "/news/bridge;id=2", "/#!/news/bridge", "/news/bridge?123",
    *("/news/bridge?" + query for query in (
        "p=123", "p=124", "id=1", "id=2", "page=2", "page=3", "story=1", "s=31", "s=32", "sid=0a1b2c3d4e5f", "share=1", "share=2", "print=1",
        "view=print", "amp", "amp=1", "output=amp", "ref=12", "ref=13", "rss=1", "rss=2", "feed=rss", "view=full", "nl=1", "sh=1a2b3c4d5e6f",
        "mod=article", "mod=article_view", "mod=rss", "mod=12", "ncid=12", "ncid=13", "mbid=5b11f4ce-a62d-471e-81fc-a69a8278c7da", "trk=3", "trk=4", "ftag=sport",
        "campaign=12", "cmp=12", "partner=7", "source=12", "feature=bridge", "__s=ab", "taid=5f", "utm_=1&id=3", "at_id=4", "cx=5", "q=a+b", "q=a%20b",
        "q=%E4", "q=%F6", "a=1;b=2",
    )),
]  # fmt: skip


def asked(path, *outlet_parameters):
    return request_url(SITE + path, outlet_parameters).removeprefix(SITE)


@pytest.mark.parametrize("query", [query for kind in TRACKING.values() for query in kind])
def test_what_tells_only_the_way_to_a_page_is_not_asked_for(query):
    assert asked(f"/news/bridge?{query}") == "/news/bridge"
    assert asked(f"/news/bridge?id=7&{query}&page=2") == "/news/bridge?id=7&page=2"


@pytest.mark.parametrize("path", [path for kind in SPELLINGS.values() for path in kind])
def test_spellings_that_a_standard_takes_for_the_same_are_one_request(path):
    assert asked(path) == "/news/bridge"


def test_default_ports_are_one_request():
    for found in (
        "http://courier.example:80/a",
        "HTTP://Courier.Example./a",
        "http://u:p@courier.example:80/a#b",
    ):
        assert request_url(found) == "http://courier.example/a"
    assert request_url("https://courier.example:443/a") == "https://courier.example/a"
    assert request_url("https://courier.example:80/a") == "https://courier.example:80/a"


def test_what_may_be_another_page_is_a_request_of_its_own():
    assert len({page_id(request_url(SITE + path)) for path in APART}) == len(APART)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("/%7Edesk/a%c3%a9%2fb", "/~desk/a%C3%A9%2Fb"),
        ("/news/bridge/", "/news/bridge/"),  # a site may answer one of the two only
        ("/news/x/..", "/news/"),
        ("/news/x/.", "/news/x/"),
        ("/..", "/"),
        ("/a//../b", "/a/b"),
        ("/.hidden/..b/c..", "/.hidden/..b/c.."),
        ("/a?b=%7e&c=%2f", "/a?b=~&c=%2F"),
        ("/a%4%31", "/a%4%31"),  # decoding it would make an escape of it
        ("/a%%31%41", "/a%%31A"),
    ],
)
def test_a_path_is_asked_for_in_its_normal_form(found, wanted):
    assert asked(found) == wanted


def test_what_an_outlet_adds_is_left_out_for_that_outlet_only():
    found = f"{SITE}/news/bridge?NCID=12&sh=1&id=7"
    assert request_url(found, ("ncid", "sh")) == f"{SITE}/news/bridge?id=7"
    assert request_url(found) == found
    assert page_id(found) != page_id(f"{SITE}/news/bridge?id=7")


# ---------------------------------------------------------------- what must never change


@pytest.mark.parametrize("url", GOLDEN)
def test_ids_and_canonical_addresses_stay_as_older_lakes_have_them(url):
    assert [page_id(url), canonical(url), without_tracking(url)] == GOLDEN[url]


@pytest.mark.parametrize("url", GOLDEN)
def test_the_id_of_what_is_asked_for_is_that_of_its_own_spelling(url):
    requested = request_url(url)
    assert request_url(requested) == without_tracking(requested) == requested
    assert page_id(requested) == page_id(without_tracking(requested))


ADDRESSES = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="/.%24567eEfF;&=?#!abjsutm_:", max_size=60),
    st.lists(st.sampled_from([
        "/", "//", ".", "..", "%2e", "%2F", "%7E", "%", "%4", "1", "a", ";jsessionid=1", "%3B", "jsessionid=2", "?", "&", "amp;", "utm_source=rss",
        "utm%5Fsource=1", "ref=rss", "ncid=12", "id=7", "#", "#!", "=", "é", " ", "+",
    ]), max_size=12).map("".join),
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(ADDRESSES)
def test_the_request_spelling_is_its_own_request_spelling(tail):
    try:
        without_tracking(f"{SITE}/{tail}")
    except ValueError:
        return
    once = request_url(f"{SITE}/{tail}")
    assert request_url(once) == once
    assert request_url(once, ("ncid",)) == request_url(f"{SITE}/{tail}", ("ncid",))
    assert not re.search(r"/\.\.?(?:/|$)", once.partition("#")[0].partition("?")[0])


@settings(max_examples=300, deadline=None)
@given(ADDRESSES)
def test_it_raises_only_where_there_is_no_address(tail):
    for url in (tail, f"http://{tail}", f"https://courier.example{tail}"):
        try:
            without_tracking(url)
        except ValueError:
            with pytest.raises(ValueError):  # noqa: PT011 - urllib's own messages differ
                request_url(url)
        else:
            request_url(url)


# ---------------------------------------------------------------- the list


def test_the_list_names_where_each_of_its_groups_stands():
    groups = [*TABLES["name"], *TABLES["value"]]
    assert {name for group in groups for name in group["lists"]} == set(TABLES["lists"])
    assert all(group["of"] and group["lists"] for group in groups)


def test_the_list_has_each_name_once_and_in_lower_case():
    names = [name for group in TABLES["name"] for name in group["names"]]
    assert sorted(names) == sorted(set(names))
    assert all(name == name.lower() and "*" not in name[:-1] for name in names)
    whole = {name for name in names if not name.endswith("*")}
    assert not whole & {name for group in TABLES["value"] for name in group["names"]}


def test_the_list_has_no_name_that_names_a_page_anywhere():
    pages = "a aid article article_id c cat cid content d day doc docid f feed id item k lang n nid news newsid no num p page pageid pid post post_id print q rss s section share sid src story storyid t tag tid title topic type u url v view w x y year z"  # fmt: skip
    assert [name for name in pages.split() if asked(f"/news?{name}=12") != f"/news?{name}=12"] == []
