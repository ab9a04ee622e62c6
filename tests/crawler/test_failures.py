"""Why a request failed: the site, its answer, or this machine."""

import errno
import ipaddress
import json
import os
import socket
import subprocess
import sys

import pytest
from OpenSSL import SSL
from scrapy import Request
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Response
from scrapy.utils.test import get_crawler
from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    NoRouteError,
)
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived

from crawler.politeness import failures
from crawler.politeness.failures import LocalFault, LocalFaults, explain, is_broken_answer
from lake.parquet.reading import table
from tests.crawler.site import site
from tests.crawler.test_crawls import PRIVATE, QUICK, ROOT
from tests.crawler.test_later_pages import page

URL = "https://gazette.example/a"


def unresolved(number):
    failures.failed_lookups["gazette.example"] = f"address 'gazette.example' not found: [Errno {number}] …"
    return CannotResolveHostError("DNS lookup failed: no results for hostname lookup: gazette.example.")


def failed(*reasons, kind=ResponseFailed):
    error = DownloadFailedError("[<twisted.python.failure.Failure …>]")
    error.__cause__ = kind([Failure(reason) for reason in reasons])
    return error


@pytest.fixture(autouse=True)
def no_earlier_lookups(monkeypatch):
    monkeypatch.setattr(failures, "failed_lookups", {})


@pytest.fixture
def middleware():
    return LocalFaults.from_crawler(get_crawler())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectBindError(errno.EMFILE, "Too many open files"), "open_files"),
        (OSError(errno.ENFILE, "Too many open files in system"), "open_files"),
        (NoRouteError(errno.ENETUNREACH, "Network is unreachable"), "network"),
        (ConnectError(errno.EHOSTUNREACH, "No route to host"), "network"),
        (ConnectError(errno.EADDRNOTAVAIL, "Cannot assign requested address"), "network"),
        (ConnectError(errno.ENOBUFS, "No buffer space available"), "memory"),
        (lambda: unresolved(socket.EAI_AGAIN), "dns"),
        (lambda: unresolved(socket.EAI_SYSTEM), "dns"),
    ],
)
def test_a_fault_of_this_machine_is_none_of_the_site(middleware, error, kind):
    error = error() if callable(error) else error
    with pytest.raises(LocalFault, match="this machine is at fault") as fault:
        middleware.process_exception(Request(URL), error)
    assert fault.value.kind == kind
    assert middleware.crawler.stats.get_value(f"local_faults/{kind}") == 1
    middleware.process_exception(
        Request(URL), fault.value
    )  # a candidate whose robots.txt met it: counted already
    assert middleware.crawler.stats.get_value(f"local_faults/{kind}") == 1


@pytest.mark.parametrize(
    "error",
    [
        lambda: unresolved(socket.EAI_NONAME),
        CannotResolveHostError("refused by the guard"),
        DownloadConnectionRefusedError("refused"),
        DownloadTimeoutError("took longer than 30 seconds"),
        ConnectError(errno.ECONNRESET, "reset"),
        ResponseDataLossError(),
        ValueError("x"),
    ],
)
def test_a_fault_of_the_site_stays_one(middleware, error):
    middleware.process_exception(Request(URL), error() if callable(error) else error)
    assert not middleware.crawler.stats.get_stats()


@pytest.mark.parametrize("address", ["93.184.216.34", "127.0.0.1"])
def test_while_the_public_internet_answers_one_name_without_answer_is_the_sites_trouble(middleware, address):
    middleware.process_response(Request(URL), Response(URL, ip_address=ipaddress.ip_address(address)))
    is_public = address != "127.0.0.1"
    for error in (unresolved(socket.EAI_AGAIN), ConnectError(errno.EHOSTUNREACH, "No route to host")):
        if is_public:
            middleware.process_exception(Request(URL), error)
        else:
            with pytest.raises(LocalFault):
                middleware.process_exception(Request(URL), error)
    with pytest.raises(LocalFault):  # it is known of no other site
        middleware.process_exception(Request(URL), NoRouteError(errno.ENETUNREACH, "Network is unreachable"))


@pytest.mark.parametrize(
    ("error", "is_broken", "why"),
    [
        (failed(ValueError("wrong number of parts")), True, "no readable answer: wrong number of parts"),
        (failed(KeyError("x"), ConnectionDone()), True, "no readable answer: 'x'; Connection was closed cleanly."),
        (failed(ConnectionLost()), True, "no readable answer: Connection to the other side was lost"),
        (failed(ConnectionLost(), kind=ResponseNeverReceived), False, "no answer: Connection to the other side"),
        (failed(SSL.Error([("SSL routines", "", "certificate verify failed")]), kind=ResponseNeverReceived), False, "certificate verify failed"),
        (failed(kind=ResponseNeverReceived), False, "no answer: "),
        (DownloadFailedError("the body is not what Content-Encoding says (br): x"), True, "the body is not"),
        (ResponseDataLossError(), True, "the answer ended before its end"),
        (DownloadCancelledError(""), True, "the answer is larger than DOWNLOAD_MAXSIZE"),
        (DownloadTimeoutError("took longer"), False, "took longer"),
        (AssertionError(), False, "AssertionError"),
    ],
)  # fmt: skip
def test_every_failure_has_words(error, is_broken, why):
    assert is_broken_answer(error) is is_broken
    assert why in explain(error, URL)


def test_a_name_that_is_none_says_so():
    assert explain(unresolved(socket.EAI_NONAME), URL) == "address 'gazette.example' not found: [Errno -2] …"


def test_what_this_machine_failed_at_is_no_reject_and_the_run_fails(tmp_path):
    """The next run, on a machine that is well, lands it all."""

    def run(*more):
        names = json.dumps({"far.test": "127.0.0.1", "full.test": "127.0.0.1", "near.test": "127.0.0.1"})
        command = [
            sys.executable,
            "-m",
            "scrapy",
            "crawl",
            "urls",
            "-a",
            f"file={tmp_path}/urls.txt",
            *PRIVATE,
            *QUICK,
        ]
        done = subprocess.run(
            [*command, "-s", f"DNS_OVERRIDES={names}", *more],
            cwd=ROOT,
            env={**os.environ, "LAKE_URI": str(tmp_path / "lake"), "STATE_DIR": str(tmp_path / "state")},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        landed = [table(str(tmp_path / "lake"), name).num_rows for name in ("articles", "rejects")]
        return done.returncode, landed, done.stderr.splitlines()[-1] if done.returncode == 0 else done.stderr

    with site(lambda path: page(path) if path.startswith("/news/") else None) as (home, _):
        port = home.rpartition(":")[2]
        urls = [
            f"http://{name}.test:{port}/news/{name}{n}" for name in ("far", "full", "near") for n in range(2)
        ]
        (tmp_path / "urls.txt").write_text("\n".join(urls))
        faulty = json.dumps({"http": "tests.crawler.faulty.FaultyClient"})
        code, landed, log = run("-s", f"DOWNLOAD_HANDLERS={faulty}")
        assert (code, landed) == (1, [2, 0]), log
        assert (
            "FAILED: this machine is at fault: the network is out of reach (1 request), too many files are open "
            "(ulimit -n) (2 requests); 4 candidates left for the next run"
        ) in log
        code, landed, log = run()
        assert (code, landed) == (0, [6, 0]), log
