"""Polite crawls of many hosts at once: whether the cleaning makes them any longer than Scrapy alone takes.

    python benchmarks/polite_hosts.py [--hosts 100] [--pages 20] [--delay 1] [--script-bytes 2000] [--rounds 1] [-s NAME=VALUE …]

Scrapy without a pipeline and ours crawl the same pages in turn, from one server on loopback that answers for every
host: one request at a time for each host, the same delay between two, all of them robots.txt included. Ours also asks
each host for tdmrep.json, which is a request like any other: Scrapy has it in its list of pages, so that both make
PAGES + 2 requests of each host. Prints wall time from the start of the process to its end, the requests × delay that
politeness takes at least, the CPU, and the ratio of the two walls. The server shares the cores and is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.made_site import HTML, Pages, Server

ROOT = Path(__file__).resolve().parent.parent
ALONE = """
import scrapy

class Alone(scrapy.Spider):
    name = "alone"
    async def start(self):
        for url in open(self.urls).read().split():
            yield scrapy.Request(url)
    def parse(self, response):
        yield {"bytes": len(response.body)}
"""


@dataclass(frozen=True, slots=True)
class Took:
    wall: float  # seconds
    cpu: float  # of the crawl and its workers
    requests: int


def main(given: argparse.Namespace, more: list[str]) -> None:
    hosts = [f"polite{n}.test" for n in range(given.hosts)]
    made = Pages(script_bytes=given.script_bytes)
    bodies = {
        (host, f"/{made.slug(number)}/"): made.html(number, f"http://{host}").encode()
        for at, host in enumerate(hosts)
        for number in range(at, given.hosts * given.pages, given.hosts)
    }

    def answer(host: str, path: str) -> tuple[str, bytes] | None:
        body = bodies.get((host, path))
        return (HTML, body) if body else None

    with tempfile.TemporaryDirectory() as name, Server(answer, remember=False) as server:
        folder = Path(name)
        (folder / "alone.py").write_text(ALONE)
        urls = [f"http://{host}:{server.port}{path}" for host, path in sorted(bodies, key=_in_turn)]
        (folder / "ours").write_text("\n".join(urls))
        well_known = [f"http://{host}:{server.port}/.well-known/tdmrep.json" for host in hosts]
        (folder / "alone").write_text("\n".join([*well_known, *urls]))
        least = (given.pages + 1) * given.delay  # between the first request of a host and its last
        mean = sum(map(len, bodies.values())) / len(bodies)
        print(
            f"{given.hosts} hosts, {given.pages} pages of {mean / 1000:.0f} kB each; politeness takes {least:g} s"
        )
        for number in range(given.rounds):
            alone = _crawl("alone", folder, server, _alone(folder, hosts, given))
            ours = _crawl("ours", folder, server, _ours(folder, hosts, given, number, more))
            for who, took in (("Scrapy alone", alone), ("ours", ours)):
                busy = 100 * took.cpu / took.wall / len(os.sched_getaffinity(0))
                print(
                    f"{who:12}: {took.wall:6.1f} s, {took.requests} requests, {took.cpu:5.1f} s of CPU, {busy:.0f} % of the cores"
                )
            print(f"ours takes {ours.wall / alone.wall:.3f} of the time", flush=True)


def _in_turn(place: tuple[str, str]) -> tuple[int, str]:
    """One page of each host after the other."""
    return int(place[1].strip("/").rpartition("-")[2]), place[0]


def _same(hosts: list[str], given: argparse.Namespace) -> list[str]:
    settings = {
        "TWISTED_DNS_RESOLVER": "crawler.politeness.private_networks.GuardedResolver",
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "DNS_OVERRIDES": json.dumps(dict.fromkeys(hosts, "127.0.0.1")),
        "ROBOTSTXT_OBEY": "1",
        "DOWNLOAD_DELAY": given.delay,
        "DOWNLOAD_DELAY_JITTER": "0",  # else the luckiest of so many hosts decides
        "AUTOTHROTTLE_ENABLED": "0",
        "CONCURRENT_REQUESTS": 4 * given.hosts,  # those that wait for their delay count, too
        "CONCURRENT_REQUESTS_PER_DOMAIN": "1",
        "TELNETCONSOLE_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    return [word for key, value in settings.items() for word in ("-s", f"{key}={value}")]


def _alone(folder: Path, hosts: list[str], given: argparse.Namespace) -> list[str]:
    spider = [str(folder / "alone.py"), "-a", f"urls={folder / 'alone'}"]
    return ["runspider", *spider, *_same(hosts, given)]


def _ours(
    folder: Path, hosts: list[str], given: argparse.Namespace, number: int, more: list[str]
) -> list[str]:
    where = ["-s", f"LAKE_URI={folder / f'lake{number}'}", "-s", f"STATE_DIR={folder / f'state{number}'}"]
    return ["crawl", "urls", "-a", f"file={folder / 'ours'}", *where, *_same(hosts, given), *more]


def _crawl(who: str, folder: Path, server: Server, arguments: list[str]) -> Took:
    cwd = folder if who == "alone" else ROOT  # Scrapy alone is to see no settings of ours
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    before, asked = resource.getrusage(resource.RUSAGE_CHILDREN), server.count.total()
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments], cwd=cwd, env=environ, capture_output=True, text=True
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{done.stderr[-3000:]}\n{who} ended with {done.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, cpu, server.count.total() - asked)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--pages", type=int, default=20, help="of each host")
    parser.add_argument("--delay", type=float, default=1.0, help="seconds between two requests of a host")
    parser.add_argument("--script-bytes", type=int, default=2000, help="of scripts in a page")
    parser.add_argument("--rounds", type=int, default=1)
    main(*parser.parse_known_args())
