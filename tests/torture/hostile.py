"""An innocent outlet beside one hostile site after the other, in one `crawlall`: it is complete and on time.

The hostile sites stand in hostile_sites.py and are served by a process of their own. The innocent outlet is crawled
alone first; beside each hostile one its pages have to be the same, and its crawl at most a tenth longer. A crawl that
takes longer is repeated twice, and the median counts: a busy machine is no fault.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.made_site import Pages
from lake.parquet.reading import table
from lake.schema.records import STORY_TABLES
from tests.torture.hostile_sites import ARTICLES, SECRET, SITES, SLICE_S, Made, Site, feed
from tests.torture.session import Session

ROOT = Path(__file__).resolve().parents[2]
STORIES = 20  # of the innocent outlet
DELAY_S = 0.5  # between two of its requests
DEADLINE_S = 20  # OUTLET_DEADLINE_S
LATER = 1.1  # the innocent outlet may take so many times as long as alone
KILLED_AFTER_S = 300
MAX_BYTES = 2**30  # of the crawl or one of its processes
SETTINGS = {
    "ALLOWED_NETWORKS": "127.0.0.1/32",
    "DNS_OVERRIDES": json.dumps({"innocent.test": "127.0.0.1", "hostile.test": "127.0.0.1"}),
    "OUTLET_DEADLINE_S": str(DEADLINE_S),
    "CLEAN_DEADLINE_S": "5",
    "CLEAN_BYTES": str(2**29),
    "DOWNLOAD_TIMEOUT": "6",
    "RETRY_TIMES": "1",
    # by itself the pace would differ by a tenth from crawl to crawl
    "AUTOTHROTTLE_ENABLED": "0",
    "DOWNLOAD_DELAY_JITTER": "0",
}


@dataclass(frozen=True)
class Done:
    """One crawl."""

    code: int
    log: str
    record: dict[str, Any]  # empty where it was killed
    bytes: int  # the most that one process took
    ids: frozenset[str]  # of the innocent outlet's rows

    @property
    def seconds(self) -> float:
        """How long the innocent outlet's crawl took."""
        return float(self.record["outlets"]["innocent"]["seconds"]) if self.record else KILLED_AFTER_S


def run(session: Session) -> None:
    """Crawl the innocent outlet alone, and then beside each hostile site."""
    with _innocent() as port:
        alone = [_crawl(session.folder, port) for _ in range(2)]
        expected, usual_s = alone[0].ids, median(done.seconds for done in alone)
        for step in session.steps(SITES):
            _beside(session, SITES[step], port, expected, usual_s)
            session.count("inputs")


def _beside(session: Session, site: Site, port: int, expected: frozenset[str], usual_s: float) -> None:
    """One step: the innocent outlet beside one hostile site."""
    asked = session.folder / "asked"
    with _canary() as (canary, visits), _hostile(site, canary, asked) as hostile_port:
        done = _crawl(session.folder, port, site, hostile_port)
        if not done.record:
            session.find("slow", f"the crawl was killed after {KILLED_AFTER_S} s: {done.log[-500:]}")
            print(f"{session.step}: killed after {KILLED_AFTER_S} s", flush=True)
            return
        times = [done.seconds]
        while times[-1] > LATER * usual_s and len(times) < 3:
            times.append(_crawl(session.folder, port, site, hostile_port).seconds)
        paths = set(asked.read_text().splitlines())
    outlets = done.record["outlets"]
    if done.ids != expected:
        session.find("lost", f"{len(expected - done.ids)} rows of the innocent outlet are missing")
    if outlets["innocent"]["ended"] != "finished":
        session.find("lost", f"the innocent outlet ended: {outlets['innocent']['ended']}")
    if median(times) > LATER * usual_s:
        session.find("slow", f"the innocent outlet took {times} s, alone {usual_s:.1f} s")
    if outlets["hostile"]["seconds"] > DEADLINE_S + 5:
        session.find("slow", f"the hostile outlet took {outlets['hostile']['seconds']} s")
    if done.bytes > MAX_BYTES:
        session.find("slow", f"a process took {done.bytes >> 20} MiB")
    if visits:
        session.find("let_in", f"a private address was asked: {visits[:3]}")
    if site.forbids_secret and SECRET in paths:
        session.find("let_in", f"{SECRET} was asked for, which the site forbids")
    if not re.search(site.told, done.log + json.dumps(done.record)):
        session.find("silent", f"neither log nor record tells: {site.told}")
    if "Traceback" in done.log:
        session.find("escaped", done.log[done.log.index("Traceback") :][:2000])
    if "'lost/" in done.log:
        session.find("lost", re.findall(r"'lost/[^,]*", done.log)[0])
    print(
        f"{session.step}: exit {done.code}; innocent {min(times):.1f} s (alone {usual_s:.1f} s); hostile "
        f"{outlets['hostile']['ended']} after {outlets['hostile']['seconds']} s, held the loop for "
        f"{outlets['hostile'].get('held_loop_s', 0)} s; {done.bytes >> 20} MiB",
        flush=True,
    )


# ---------------------------------------------------------------- one crawl


def _crawl(folder: Path, port: int, site: Site | None = None, hostile_port: int = 0) -> Done:
    """`crawlall` of the innocent outlet, and of the hostile one if there is one, into a new lake."""
    place = folder / "crawl"
    shutil.rmtree(place, ignore_errors=True)
    (place / "outlets").mkdir(parents=True)
    _write_outlet(place / "outlets", "innocent", port, {"feeds": ["/feed"]}, DELAY_S)
    if site:
        _write_outlet(place / "outlets", "hostile", hostile_port, site.sources, 0.2)
    settings = {
        **SETTINGS,
        "LAKE_URI": str(place / "lake"),
        "STATE_DIR": str(place / "state"),
        "OUTLETS_DIR": str(place / "outlets"),
    }
    given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
    only = "innocent,hostile" if site else "innocent"
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawlall", "--only", only, *given],
            cwd=ROOT, stdout=log, stderr=log, env={k: v for k, v in os.environ.items() if k != "CONTACT"},
        )  # fmt: skip
        killer = threading.Timer(KILLED_AFTER_S, process.kill)
        killer.start()
        _, status, used = os.wait4(process.pid, 0)
        killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    records = [p for p in (place / "lake" / "runs").glob("*.json") if ".started" not in p.name]
    rows = [row for name in STORY_TABLES for row in table(str(place / "lake"), name).to_pylist()]
    return Done(
        process.returncode,
        (place / "log").read_text(errors="replace"),
        json.loads(records[0].read_text()) if records else {},
        used.ru_maxrss * 1024,
        frozenset(row["id"] for row in rows if row["outlet"] == "innocent"),
    )


def _write_outlet(folder: Path, name: str, port: int, sources: Any, delay_s: float) -> None:
    home = f"http://{name}.test:{port}"
    lines = [f'name = "{name}"', f'home = "{home}/"', f'domains = ["{name}.test"]', "[sources]"]
    lines += [f"{kind} = {json.dumps([home + path for path in paths])}" for kind, paths in sources.items()]
    lines += ["[articles]", 'allow = ["^/news/"]', "[politeness]", f"delay_s = {delay_s}"]
    (folder / f"{name}.toml").write_text("\n".join(lines))


# ---------------------------------------------------------------- the sites


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        given = self.server.answer(self.path)  # type: ignore[attr-defined]
        if callable(given):
            self.close_connection = True
            with suppress(OSError):  # the crawler has gone
                for piece in given():
                    self.connection.sendall(piece)
                    time.sleep(SLICE_S if len(piece) < 2 else 0)
            return
        status, body, headers = (
            given if isinstance(given, tuple) else (404, "", {}) if given is None else (200, given, {})
        )
        if callable(body):
            raise TypeError("a stream gives its own head")
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, answer: Callable[[str], Any], address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((address, port), _Handler)
        self.answer = answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The crawler has gone: a hostile site goes on."""


@contextmanager
def _served(server: ThreadingHTTPServer) -> Iterator[int]:
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _innocent() -> Iterator[int]:
    """The port of the innocent outlet's site."""
    pages = Pages(script_bytes=2000)
    bodies = {f"/news/{n}": pages.html(n, "http://innocent.test") for n in range(STORIES)}
    bodies["/feed"] = feed(list(bodies))
    with _served(_Server(bodies.get)) as port:
        yield port


@contextmanager
def _canary() -> Iterator[tuple[int, list[str]]]:
    """(port on an address that is not admitted, paths that were asked for there)"""
    visits: list[str] = []
    with _served(_Server(visits.append, "127.0.0.3")) as port:
        yield port, visits


@contextmanager
def _hostile(site: Site, canary: int, asked: Path) -> Iterator[int]:
    """The port of the hostile site; a process of its own serves it, and writes the paths that are asked for."""
    context = multiprocessing.get_context("fork")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    asked.write_text("")
    ready = context.Event()
    process = context.Process(target=_serve_hostile, args=(site, port, canary, asked, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(30):
            raise RuntimeError("the hostile site does not start")
        yield port
    finally:
        process.kill()
        process.join()


def _serve_hostile(site: Site, port: int, canary: int, asked: Path, ready: Any) -> None:
    pages = Pages(script_bytes=2000)
    bodies: dict[str, Any] = {
        path: pages.html(1000 + n, "http://hostile.test") for n, path in enumerate(ARTICLES)
    }
    bodies |= {"/feed": feed(ARTICLES), **site.pages}
    lock = threading.Lock()

    def answer(path: str) -> Any:
        with lock:
            with asked.open("a") as file:
                file.write(f"{path}\n")
            given = site.traps(path) if site.traps else None
            if given is None:
                given = bodies.get(path)
            if isinstance(given, Made):
                given = bodies[path] = given.make()
        return _with_ports(given, port, canary)

    server = _Server(answer, port=port)
    ready.set()
    server.serve_forever(0.05)


def _with_ports(given: Any, port: int, canary: int) -> Any:
    """An answer with the ports of this run in its addresses."""
    if isinstance(given, str) and len(given) < 10_000:
        return given.replace("PORT", str(port))
    if isinstance(given, tuple) and "Location" in given[2]:
        return given[0], given[1], {"Location": given[2]["Location"].replace("CANARY", str(canary))}
    return given
