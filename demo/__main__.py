"""The whole pipeline on this machine: an invented newsroom is crawled into a real object store."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from demo.crawling import Place
from demo.newsroom import Newsroom, write_outlets
from demo.object_store import ObjectStore
from demo.report import print_report


def main() -> int:
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="pressline-demo-") as name,
        ObjectStore() as store,
        Newsroom() as room,
    ):
        folder = Path(name)
        write_outlets(folder / "outlets", room.port)
        lake = f"{store.bucket('newsroom')}/lake"
        place = Place(lake, folder / "state", folder / "outlets", tuple(room.hosts), store.environ)
        print(
            f"Object store on {store.environ['AWS_ENDPOINT_URL']}, {len(room.hosts)} invented outlets on loopback.\n"
        )
        failed = [
            spider
            for spider in sorted(p.stem for p in place.outlets.glob("*.toml"))
            if not _crawled(place, spider)
        ]
        print_report(lake, store.environ)
    print(
        f"\nDone in {time.monotonic() - started:.0f} seconds; the object store and the newsroom are gone again."
    )
    print(
        "\nA real outlet, into output/ (site owners must be able to reach you):\n"
        "    .venv/bin/scrapy list\n"
        "    CONTACT=you@example.org .venv/bin/scrapy crawl euromaidanpress"
    )
    return 1 if failed else 0


def _crawled(place: Place, spider: str) -> bool:
    print(f"$ scrapy crawl {spider} -s LAKE_URI={place.lake}", flush=True)
    done = place.crawl(spider)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
