"""Eight crawls of overlapping outlets at once, on two machines, into one bucket: every page lands once."""

from collections import Counter

import pytest

from demo.newsroom import Newsroom
from lake.schema.records import TABLES
from tests.end_to_end.newsroom_crawl import QUICK, newsroom_crawl

pytestmark = pytest.mark.xdist_group("many")


def test_eight_crawls_of_overlapping_outlets_land_every_page_once(tmp_path, object_store, session_environ):
    with Newsroom(day=1) as room:
        whole = newsroom_crawl(room, tmp_path / "whole", str(tmp_path / "whole" / "lake"))
        only = ("-a", f"only={','.join(whole.spiders)}")
        assert whole.place.crawl("all", *QUICK, *only).returncode == 0
        lake = object_store.bucket("many") + "/lake"
        one, two = (newsroom_crawl(room, tmp_path / m, lake, session_environ) for m in ("one", "two"))
        listed = tmp_path / "urls.txt"
        listed.write_text("\n".join(p.url for p in one.gold if p.outcome != "not_a_candidate"))
        crawls = [
            *((one, name) for name in one.spiders[:2]),
            *((two, name) for name in two.spiders[1:]),
            (one, "all", *only), (two, "all", *only),
            (one, "urls", "-a", f"file={listed}", "-s", "DOWNLOAD_SLOTS={}"),
        ]  # fmt: skip
        assert len(crawls) == 8
        often = ("-s", "FLUSH_ROWS=3")
        running = [machine.place.start(*command, *QUICK, *often) for machine, *command in crawls]
        logs = [process.communicate(timeout=200)[1] for process in running]
        assert {process.returncode for process in running} <= {0, 3}, logs
        assert 0 in {process.returncode for process in running}
        left = [crawl for crawl, process in zip(crawls, running, strict=True) if process.returncode]
        for machine, *command in left:
            done = machine.place.crawl(*command, *QUICK, *often)
            assert done.returncode == 0, done.stderr
        assert set(one.kept()) == set(whole.kept())
        for table in TABLES:
            ids = Counter(row["id"] for row in one.rows(table))
            assert [i for i, n in ids.items() if n > 1] == [], table
