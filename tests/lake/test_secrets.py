"""Canaries: no secret comes out, whatever fails and however much is logged."""

import logging
import os
import traceback

import pytest

from lake.__main__ import main
from lake.runs.session import Lake
from lake.storage import s3_store
from lake.storage.open_store import open_store
from lake.storage.redaction import redact_logs, redacted
from lake.storage.store import LakeError
from tests.lake.scripted_store import answer, error, scripted_store
from tests.lake.stories import page, processed
from tests.lake.test_spool import impatient, no_rules

KEY, SECRET, TOKEN = "canary0access0key", "canary0secret0key", "canary0session0token"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://name:canary@feed.example/rss", "https://…@feed.example/rss"),
        (
            "https://canary@feed.example/rss and s3://key:canary@bucket",
            "https://…@feed.example/rss and s3://…@bucket",
        ),
        ("http://user:can@ary:x@proxy.example:3128", "http://…@proxy.example:3128"),
        ("proxy user:canary@proxy.example:3128 refuses", "proxy …@proxy.example:3128 refuses"),
        ("'http://user:canary@[::1]:9000'", "'http://…@[::1]:9000'"),
        (
            "https://s.example/x?X-Amz-Signature=canary&X-Amz-Date=1",
            "https://s.example/x?X-Amz-Signature=…&X-Amz-Date=1",
        ),
        ("x?X-Amz-Security-Token=canary%2F&a=1", "x?X-Amz-Security-Token=…&a=1"),
        ("feed?day=1&access_token=canary#x", "feed?day=1&access_token=…#x"),
        ("feed?apikey=canary;api_key=canary&PASSWORD=canary", "feed?apikey=…&PASSWORD=…"),
        ("x?sig=canary&sv=1", "x?sig=…&sv=1"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=canary/x, Signature=canary", "Authorization: …"),
        ("{'Authorization': b'Bearer canary', 'Host': 'x'}", "{'Authorization': b'…', 'Host': 'x'}"),
        ("header Proxy-Authorization=Basic canary", "header Proxy-Authorization=…"),
        (f"the key {KEY} with {SECRET} and {TOKEN}", "the key … with … and …"),
    ],
)
def test_a_secret_is_taken_out(monkeypatch, text, shown):
    set_keys(monkeypatch)
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://news.example/@author/story?key_figure=1&page=2", "write to mailto:desk@news.example or desk@news.example",
        "pressline/0.1 (+desk@news.example)", "s3://bucket/prefix/day=2026-01-01/x.parquet", "at 10:30 @home: no",
        "https://news.example/a?author=me&monkey=1&keyword=x", '{"url": "https://a.example/", "by": "x@y.example"}',
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(monkeypatch, text):
    set_keys(monkeypatch)
    assert redacted(text) == text


def set_keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def log(tmp_path):
    """A log at DEBUG, as with LOG_LEVEL=DEBUG and LOG_FILE."""
    handler = logging.FileHandler(tmp_path / "log")
    handler.setLevel(logging.DEBUG)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lambda: (tmp_path / "log").read_text()
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_log_has_none_in_lines_arguments_and_tracebacks(monkeypatch, log):
    set_keys(monkeypatch)
    redact_logs()
    logger = logging.getLogger("anything")
    logger.warning("asking %s", "https://name:canary@feed.example/")
    logger.debug(f"with {SECRET}")
    try:
        try:
            raise ValueError(f"no {TOKEN}")
        except ValueError as cause:
            raise LakeError(f"not with {SECRET}") from cause
    except LakeError:
        logger.exception("failed at %s", "http://proxy?token=canary")
    assert "canary" not in log()
    assert log().count("…") == 5
    assert "Traceback" in log()


def endpoints(port):
    return {
        "user info": f"http://name:canary@127.0.0.1:{port}",
        "a query": f"http://127.0.0.1:{port}/?X-Amz-Signature=canary",
        "no address": "canary:canary@127.0.0.1",
        "refused": "http://127.0.0.1:9/canary",
        "answers": f"http://127.0.0.1:{port}/canary",
    }


@pytest.mark.parametrize(
    ("endpoint", "reply"),
    [
        ("user info", b""), ("a query", b""), ("no address", b""), ("refused", b""),
        ("answers", error(403, "InvalidAccessKeyId")), ("answers", error(404, "NoSuchBucket")),
        ("answers", answer(400, f"<Error><Code>{KEY}</Code></Error>")),
        ("answers", answer(302, Location="http://canary:canary@127.0.0.1:9/")),
    ],
)  # fmt: skip
def test_no_failure_of_a_store_tells_one(tmp_path, monkeypatch, capsys, log, endpoint, reply):
    set_keys(monkeypatch)
    monkeypatch.setattr(s3_store, "_CONFIG", impatient(1, 2))
    monkeypatch.setattr(s3_store, "_PAUSES_S", ())
    with scripted_store() as server:
        server.tell(reply)
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoints(server.port)[endpoint])
        assert main(["verify", "--lake", "s3://bucket/lake"]) in (1, 2)
        with (
            pytest.raises(LakeError) as caught,
            Lake("s3://bucket/lake", tmp_path / "state").run("x", no_rules, {}),
        ):
            pass
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    texts = {
        "messages": told.out + told.err,
        "log": log(),
        "traceback": "".join(traceback.format_exception(caught.value)),
    }
    # the path of an address is told nowhere, and the host only where it is the name of a folder
    assert {name for name, text in texts.items() if "canary" in text} == set()
    assert b"canary" not in b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())


def test_nothing_that_lands_or_is_kept_has_one(bucket, tmp_path, monkeypatch, log):
    """Neither the records nor the index, with a store that works, and with all that boto3 would log of it."""
    secrets = [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    uri, state = f"{bucket}/lake", tmp_path / "state"
    with Lake(uri, state).run("run", no_rules, {}) as (run, _):
        run.add(processed(page("https://one.example/bridge", "bridge")))
        run.flush()
        run.finish("finished", {})
    store = open_store(uri)
    kept = [store.get(key) for key in store.keys("")] + [
        p.read_bytes() for p in state.rglob("*") if p.is_file()
    ]
    kept.append(log().encode())
    assert not any(secret.encode() in data for secret in secrets for data in kept)
    assert "Authorization" not in log()
