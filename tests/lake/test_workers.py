"""Worker processes: what one page does to its worker costs that page alone."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cleaning import Header, Rules
from lake.workers.page_processing import append_page, process_page, reject_reserved
from lake.workers.pool import WorkerLimits, Workers, WorkersFailed
from lake.workers.process_pool import ProcessPool
from lake.workers.turns import Turns
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20


def story(number, topic="bridge"):
    return page(f"http://a.test/{number}", topic, title=f"Decision number {number} about the {topic}")


# harmless on a short line, and nothing stops it on a long one: what an outlet's file may well say
SLOW = Rules(lines=(r"\d*\d*\d*\d*\d*y$",))


def endless(number=0):
    """A page that is never done with SLOW."""
    return page(
        f"http://a.test/endless/{number}",
        "bridge",
        extra=f"The number is {'123456789' * 400} as it was before.",
    )


def huge_page():
    """Quickly read, but 400 MiB of objects."""
    short = story("huge")
    return replace(short, body=short.body.replace(b"</article>", b"<i>a</i>" * 2_000_000 + b"</article>"))


def children(parent, pattern="lake.workers.worker_process"):
    """The ids of a process's workers."""
    found = subprocess.run(["pgrep", "-P", str(parent), "-f", pattern], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def until(claim, seconds=60.0):
    end = time.monotonic() + seconds
    while not (found := claim()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
    return found


def cpu_s(pid):
    """What a process has computed."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def in_mid_page(pid, before_s):
    """Once a worker that had computed for so long, loaded and waiting for a page, computes on."""
    until(lambda: cpu_s(pid) > before_s + 0.3)


def kill_in_mid_page(workers, page, *waiting):
    """Kills our only worker while it is at the page; gives the futures of all."""
    (pid,) = children(os.getpid())
    before_s = cpu_s(pid)
    futures = [workers.process(page, SLOW), *(workers.process(other, Rules()) for other in waiting)]
    in_mid_page(pid, before_s)
    os.kill(pid, signal.SIGKILL)
    return futures


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def workers(request):
    with Workers(WorkerLimits(workers=1, **getattr(request, "param", {}))) as some:
        some.process(story("first"), Rules()).result(60)  # it is up
        yield some
    assert not children(os.getpid())


def test_workers_give_what_this_process_would_give_in_the_same_order(workers):
    first, second, reserved = story(1), replace(story(2), body=b""), story(3, "library")
    reserved = replace(reserved, headers=(*reserved.headers, Header("tdm-reservation", "1")))
    pages = [first, second, reserved, *(story(n) for n in range(4, 20))]
    given = list(workers.process_all((p, Rules(), ()) for p in pages))
    assert given == [process_page(p, Rules()) for p in pages]
    whole = process_page(first, Rules())
    assert workers.append_page(whole, second, Rules()).result(60) == append_page(whole, second, Rules())


def test_another_worker_is_started_while_the_first_one_loads_when_enough_pages_wait():
    with Workers(WorkerLimits(workers=2)) as workers:
        pages = [workers.process(story(n), Rules()) for n in range(7)]
        (first,) = until(lambda: children(os.getpid()))
        os.kill(first, signal.SIGSTOP)  # it loads for as long as this takes
        until(lambda: workers.counts["started"] == 1)
        pages += [workers.process(story(n), Rules()) for n in range(7, 12)]
        until(lambda: workers.counts["started"] == 2)
        os.kill(first, signal.SIGCONT)
        assert all(page.result(60).article for page in pages)
        assert workers.counts == {"started": 2}


def test_a_worker_killed_in_mid_page_costs_that_page_alone(workers):
    doomed, *others = kill_in_mid_page(workers, endless(), *(story(n) for n in range(5)))
    lost = doomed.result(60)
    assert lost.reject.reason == "quarantined"
    assert lost.reject.detail == "its worker died of SIGKILL"
    assert lost.reject.retry_at > lost.reject.fetched_at
    assert lost.page.body == endless().body  # for raw
    assert [f.result(60) for f in others] == [process_page(story(n), Rules()) for n in range(5)]
    assert workers.counts == {"started": 2, "lost": 1}


def test_a_worker_that_dies_between_two_pages_costs_none(workers):
    (pid,) = children(os.getpid())
    os.kill(pid, signal.SIGKILL)
    assert workers.process(story(1), Rules()).result(60).article


@pytest.mark.parametrize("workers", [{"deadline_s": 4}], indirect=True)
def test_a_page_that_takes_too_long_is_quarantined_and_the_next_is_not(workers):
    hung, next_one = workers.process(endless(), SLOW), workers.process(story(1), Rules())
    assert hung.result(60).reject.detail == "its worker gave no answer in 4 s"
    assert next_one.result(60).article


def test_a_page_that_eats_memory_is_quarantined():
    with Workers(WorkerLimits(workers=1, memory=320 * MIB)) as workers:
        greedy, next_one = workers.process(huge_page(), Rules()), workers.process(story(1), Rules())
        assert greedy.result(60).reject.detail == "its worker took more than 320 MiB"
        assert next_one.result(60).article


def test_a_reservation_is_known_of_a_page_that_is_quarantined(workers):
    reserved = endless()
    reserved = replace(
        reserved, body=reserved.body.replace(b"<head>", b'<head><meta name="tdm-reservation" content="1">')
    )
    (doomed,) = kill_in_mid_page(workers, reserved)
    left = reject_reserved(doomed.result(60))
    assert (left.reject.reason, left.page.body) == ("tdm_reserved", b"")


@pytest.mark.parametrize("workers", [{"pages": 2}, {"recycle_bytes": 1}], indirect=True)
def test_workers_are_replaced_after_so_many_pages_and_when_they_have_grown(workers):
    assert workers.process(story(1), Rules()).result(60).article
    assert workers.process(story(2), Rules()).result(60).article
    assert workers.counts["recycled"] >= 1
    assert workers.counts["lost"] == 0


def test_no_more_articles_are_read_ahead_than_there_is_room_for(workers):
    read = []

    def articles():
        for n in range(40):
            read.append(n)
            yield story(n), Rules(), ()

    given = workers.process_all(articles())
    next(given)
    assert len(read) == workers.room < 40


def test_one_worker_is_enough_for_one_page():
    with Workers(WorkerLimits(workers=2)) as workers:
        assert workers.counts["started"] == 0
        workers.process(story(1), Rules()).result(60)
        assert workers.counts["started"] == 1


def test_workers_that_cannot_start_fail_what_waits(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Workers(WorkerLimits(workers=2)) as workers:
        with pytest.raises(WorkersFailed):
            workers.process(story(1), Rules()).result(60)
        with pytest.raises(WorkersFailed):
            workers.process(story(2), Rules())


PARENT = """
import sys, time
from cleaning import Rules
from lake.workers.pool import WorkerLimits, Workers
from tests.lake.test_workers import SLOW, endless, story
workers = Workers(WorkerLimits(workers=1))
workers.process(story(1), Rules()).result(60)
workers.process(endless(), SLOW)
print("ready", flush=True)
time.sleep(60)
"""


def test_no_worker_outlives_its_parent_even_in_mid_page():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout.readline() == "ready\n"
        (worker,) = children(parent.pid)
        parent.kill()
    until(lambda: is_gone(worker), 20)


def test_a_worker_ignores_what_is_meant_for_the_crawl(workers):
    (pid,) = children(os.getpid())
    for stop in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, stop)
    assert workers.process(story(1), Rules()).result(60).article
    assert children(os.getpid()) == [pid]


def test_a_worker_loads_nothing_that_it_does_not_need():
    code = "import sys, lake.workers.page_job; print([n for n in ('scrapy', 'twisted', 'pyarrow', 'boto3') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---------------------------------------------------------------- taking turns


def of(outlet, raw_page):
    return replace(raw_page, outlet=outlet)


def test_an_outlet_whose_pages_are_never_done_holds_no_other_outlet():
    with Workers(WorkerLimits(workers=1, slow_s=0.3)) as workers:
        hung = [workers.process(of("hostile", endless(n)), SLOW) for n in range(9)]
        good = [workers.process(of("good", story(n)), Rules()) for n in range(9)]
        assert all(future.result(60).article for future in good)
        assert not any(future.done() for future in hung)
        assert sum(future.running() for future in hung) == 1


def test_an_outlet_alone_has_all_workers_however_slow_its_pages_are():
    with Workers(WorkerLimits(workers=2, slow_s=0.3)) as workers:
        pages = [workers.process(endless(n), SLOW) for n in range(9)]
        until(lambda: sum(page.running() for page in pages) == 2)


def test_an_outlet_whose_pages_reach_the_deadline_again_and_again_is_given_up():
    limits = WorkerLimits(workers=1, slow_s=0.3, deadline_s=2, offences=2)
    with Workers(limits) as workers:
        first = workers.process(of("hostile", endless(1)), SLOW)
        assert workers.process(of("good", story(1)), Rules()).result(60).article
        assert first.result(60).reject.detail == "its worker gave no answer in 2 s"
        pages = [workers.process(of("hostile", endless(n)), SLOW) for n in range(5)]
        details = [future.result(60).reject.detail for future in pages]
        assert [detail.split(":")[0] for detail in details] == [
            "its worker gave no answer in 2 s",
            *["its outlet was given up"] * 4,
        ]
        assert workers.refused == {"hostile"}
        late = workers.process(of("hostile", story(9)), Rules()).result(60)  # at once, without a worker
        assert late.reject.reason == "quarantined"
        assert late.page.body
        assert workers.process(of("good", story(2)), Rules()).result(60).article


def test_a_page_in_time_ends_a_row_of_offences():
    pool = ProcessPool("nothing:load", WorkerLimits(offences=2))
    worker, page = SimpleNamespace(ticks=1), Waiting("a1")
    for offence in (True, False, True):
        pool._end_task(page, worker, is_offence=offence)
        assert not pool.refused
    assert pool.is_slow("a")
    pool._end_task(page, worker, is_offence=True)
    assert pool.refused == {"a"}
    pool.close()


class Waiting:
    def __init__(self, name):
        self.key, self.name = name[0], name


def test_the_outlet_with_the_fewest_pages_under_way_is_next_and_of_several_the_one_served_longest_ago():
    turns = Turns()
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        turns.put(Waiting(name))
    assert [turns.take().name for _ in range(4)] == ["a1", "b1", "c1", "a2"]
    turns.end("a")
    turns.end("a")
    turns.put(Waiting("a0"), first=True)
    assert [turns.take().name for _ in range(3)] == ["a0", "b2", "a3"]
    assert turns.take() is None


def test_a_slow_outlet_has_one_page_under_way_and_takes_no_worker_that_others_need():
    turns = Turns()
    for name in ("a1", "a2", "b1"):
        turns.put(Waiting(name))
    turns.slow.add("a")
    assert turns.slow_ready
    assert turns.take(slow_too=False).name == "b1"
    assert turns.take(slow_too=False) is None
    assert turns.take().name == "a1"
    assert (turns.take(), turns.ready, turns.slow_ready) == (None, 0, False)
    turns.end("a")
    assert turns.take().name == "a2"


# ---------------------------------------------------------------- what a worker knows


def test_a_worker_knows_no_secret_and_has_no_home(monkeypatch):
    secrets = ["AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "LAKE_URI", "CONTACT", "HOME", "PATH", "PG_PASSWORD", "SSH_AUTH_SOCK"]  # fmt: skip
    for name in secrets:
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    with Path(__file__).open("rb") as file, Workers(WorkerLimits(workers=1)) as workers:
        os.set_inheritable(file.fileno(), True)
        assert workers.process(story(1), Rules()).result(60).article
        monkeypatch.undo()  # pgrep is found by PATH
        (pid,) = children(os.getpid())
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        files = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
        folder = Path(f"/proc/{pid}/cwd").readlink()
    names = {line.partition("=")[0] for line in environment if line}
    assert not names & set(secrets)
    assert {"PYTHONHASHSEED", "LC_ALL"} <= names
    assert "canary" not in str(environment)
    assert __file__ not in files
    assert folder == Path("/")
