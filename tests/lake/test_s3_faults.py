"""Answers at the edges of the protocol: tried again where that helps, told by their own names, never taken for data."""

import hashlib
import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from botocore.client import Config

from lake.storage import s3_store
from lake.storage.open_store import open_store
from lake.storage.store import LakeConfigError, LakeError, ObjectChanged, PartExists, StoreAway
from tests.lake.scripted_store import RESET, a_listing, an_object, answer, error, scripted_store

PORTAL = (
    "<html><head><title>Please log in</title></head><body><p>Welcome to the guest network</p></body></html>"
)
DATA = b"0123456789" * 20
DIGEST = hashlib.sha256(DATA).hexdigest()
MISSING = error(404, "NoSuchKey")
WRITTEN = answer(200, ETag='"new"')


@pytest.fixture(scope="module")
def server():
    with scripted_store() as server:
        yield server


@pytest.fixture(scope="module")
def store(server):
    """One for all tests: boto3 needs a tenth of a second to open one."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        retries = {"total_max_attempts": 1}
        monkeypatch.setattr(s3_store, "_PAUSES_S", (0, 0))
        monkeypatch.setattr(s3_store, "_CONFIG", Config(connect_timeout=5, read_timeout=5, retries=retries))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-key-id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret-key")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
        yield open_store("s3://bucket/lake")


def named(value):
    """The name of a row of a table: the answer's status and code."""
    if not isinstance(value, bytes):
        return None
    code = re.search(rb"<Code>(\w+)", value)
    return f"{value[9:12].decode()} {code[1].decode() if code else ''}"


def the_error(call, *arguments):
    """The error of a call. No secret, address or word of the store is in it, nor in what lies behind it."""
    with pytest.raises(LakeError) as caught:
        call(*arguments)
    found = caught.value
    assert (found.__cause__, found.__context__) == (None, None)
    assert "canary" not in str(found)
    assert "127.0.0.1" not in str(found)
    return found


# ---------------------------------------------------------------- mended by another try


@pytest.mark.parametrize(
    "first",
    [
        answer(404, "<Error><Code>NoSuch", 300, content_type="application/xml"),
        answer(404, "", 300),
        answer(404, PORTAL),
        answer(500, "<Error><Co", 900) + RESET,
        answer(403, "<Error><Co", 900, Transfer_Encoding="chunked"),
        answer(200, DATA[:30], 200, ETag='"1"', Last_Modified="Tue, 01 Dec 2026 10:00:00 GMT"),
        answer(200, DATA[:30], 200, ETag='"1"', Last_Modified="Tue, 01 Dec 2026 10:00:00 GMT") + RESET,
        an_object(DATA[:30], x_amz_meta_sha256=DIGEST),  # its Content-Length is too small
        an_object(DATA[::-1], x_amz_meta_sha256=DIGEST),
        an_object(DATA[:30], length=None),  # nothing says that more was to come
        an_object(DATA[:30], length=None, Transfer_Encoding="chunked"),
        an_object(DATA, ETag=""),
        an_object(DATA, Last_Modified=""),
        an_object(DATA, Last_Modified="yesterday"),
        an_object(DATA, Date="yesterday"),
        answer(200, PORTAL, content_type="text/html"),
        an_object(PORTAL.encode(), content_type="text/html; charset=utf-8"),
        error(429, "Whatever"), error(520, "Whatever"), answer(502, PORTAL), answer(503), error(409, "OperationAborted"),
    ],
    ids=named,
)  # fmt: skip
def test_an_object_is_read_again_until_it_is_whole(server, store, first):
    server.tell(first, an_object(DATA, x_amz_meta_sha256=DIGEST))
    assert store.get("raw/x") == DATA
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "first",
    [
        answer(200), answer(200, PORTAL), answer(200, PORTAL, content_type="text/html", ETag='"1"'),
        error(200, "InternalError"), answer(200, "<Error><Co", 900), error(409, "ConditionalRequestConflict"),
        error(400, "IncompleteBody"), error(400, "BadDigest"), error(503, "SlowDown"), error(400, "RequestTimeout"),
    ],
    ids=named,
)  # fmt: skip
def test_an_object_has_landed_when_a_store_says_so(server, store, first):
    server.tell(first, WRITTEN)
    store.put_new("raw/x", DATA)
    assert len(server.asked) == 2
    assert f"x-amz-meta-sha256: {DIGEST}" in server.heads[0].decode().lower()


@pytest.mark.parametrize(
    "first",
    [
        answer(200), answer(200, "", 500), answer(200, PORTAL), answer(200, PORTAL, content_type="text/html"),
        answer(200, "neither XML nor HTML"), answer(200, "<ListBucketResult><Name>b</Name></ListBucketResult>"),
        answer(200, "<ListBucketResult><IsTruncated>false</IsTr", 900), error(200, "SlowDown"),
        a_listing("lake/raw/a", "elsewhere/b"),
        answer(200, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"),
    ],
    ids=named,
)  # fmt: skip
def test_an_answer_that_is_no_listing_is_not_an_empty_lake(server, store, first):
    server.tell(first, a_listing("lake/raw/a"))
    assert list(store.keys("raw/")) == ["raw/a"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "first",
    [
        an_object(DATA),  # a proxy has lost the Range
        answer(206, DATA[:4], ETag='"1"', Content_Range="bytes 0-3/200"),
        answer(206, DATA[:2], ETag='"1"', Content_Range="bytes 4-7/200"),
        answer(206, DATA[:4], ETag='"1"', Content_Range="bytes 4-"),
    ],
    ids=named,
)
def test_a_range_is_the_one_that_was_asked_for(server, store, first):
    server.tell(first, answer(206, DATA[4:8], ETag='"1"', Content_Range="bytes 4-7/200"))
    assert store.get_range("raw/x", 4, 4) == DATA[4:8]
    server.tell(answer(206, DATA[:6], ETag='"1"', Content_Range="bytes 194-199/200"))
    assert len(store.get_range("raw/x", 194, 100)) == 6


def test_what_a_web_page_answers_was_not_removed(server, store):
    server.tell(answer(200, PORTAL, content_type="text/html"), answer(204))
    store.remove("raw/x")
    assert len(server.asked) == 2


# ---------------------------------------------------------------- not mended, and told


@pytest.mark.parametrize(
    ("reply", "kind", "words", "requests"),
    [
        (error(403, "RequestTimeTooSkewed"), LakeError, "set this machine's clock", 1),
        (error(400, "ExpiredToken"), LakeError, "have expired (ExpiredToken); get new ones", 1),
        (error(403, "ExpiredTokenException"), LakeError, "have expired", 1),
        (error(403, "QuotaExceeded"), LakeError, "make room or raise the quota", 1),
        (error(409, "BucketQuotaExceeded"), LakeError, "make room or raise the quota", 1),
        (error(507, "XMinioStorageFull"), LakeError, "make room or raise the quota", 1),
        (answer(507), LakeError, "make room", 1),
        (error(403, "InvalidAccessKeyId"), LakeError, "check the credentials", 1),
        (error(403, "SignatureDoesNotMatch"), LakeError, "check the credentials", 1),
        (error(401, "Unauthorized"), LakeError, "check the credentials", 1),
        (error(403, "AccessDenied"), LakeError, "is not allowed here; check what the bucket's policy", 1),
        (answer(403, PORTAL), LakeError, "without a word why", 1),
        (answer(401), LakeError, "without a word why", 1),
        (answer(407), LakeError, "a proxy wants a login", 1),
        (answer(511, PORTAL), LakeError, "a proxy wants a login", 1),
        (answer(301), LakeError, "AWS_DEFAULT_REGION", 1),
        (answer(302, Location="http://127.0.0.1:9/login?token=canary"), LakeError, "AWS_ENDPOINT_URL", 1),
        (error(307, "TemporaryRedirect", Location="/bucket"), LakeError, "AWS_DEFAULT_REGION", 1),
        (error(400, "AuthorizationHeaderMalformed"), LakeError, "AWS_DEFAULT_REGION", 1),
        (answer(400), LakeError, "the request was refused", 1),
        (answer(400, "<html>canary: plain HTTP was sent to a TLS port</html>"), LakeError, "AWS_ENDPOINT_URL", 1),
        (error(405, "MethodNotAllowed"), LakeError, "does not offer this", 1),
        (error(501, "NotImplemented"), LakeError, "does not offer this", 1),
        (error(416, "InvalidRange"), LakeError, "no such bytes", 1),
        (error(418, "<![CDATA[evil canary]]>\n\x1b"), LakeError, "was answered with 418", 1),
        (error(404, "NoSuchBucket"), LakeError, "bucket 'bucket' does not exist", 1),
        (answer(404), StoreAway, "no object store's answer", 3),
        (answer(429), StoreAway, "busy", 3),
        (error(409, "ConditionalRequestConflict"), StoreAway, "two writes met", 3),
        (error(503, "SlowDown"), StoreAway, "SlowDown", 3),
        (answer(500), StoreAway, "GetObject was answered with 500", 3),
        (answer(502, PORTAL), StoreAway, "answered with 502", 3),
        (answer(530, PORTAL), StoreAway, "answered with 530", 3),
        (answer(200, PORTAL, content_type="text/html"), StoreAway, "the answer is a web page", 3),
        (answer(500, "<Error>", 900) + RESET, StoreAway, "broke off", 3),
    ],
    ids=named,
)  # fmt: skip
def test_each_failure_is_told_by_its_own_name(server, store, reply, kind, words, requests):
    server.tell(reply)
    found = the_error(store.get, "raw/x")
    assert isinstance(found, LakeError)
    assert isinstance(found, StoreAway) is (kind is StoreAway)
    assert words in str(found)
    assert str(found).startswith("s3://bucket/lake: ")
    assert ("check the credentials" in str(found)) is (words == "check the credentials")
    if b" 30" not in reply[:16] and b"HeaderMalformed" not in reply:  # boto3 asks where the bucket lies, once
        assert len(server.asked) == requests
    assert len(server.asked) <= 3


def test_a_listing_that_repeats_itself_goes_back_or_has_no_end_ends(server, store):
    server.tell(a_listing("lake/raw/a", token="1"), a_listing("lake/raw/a", token="2"))
    assert "repeats itself" in str(the_error(lambda: list(store.keys("raw/"))))
    server.tell(a_listing("lake/raw/a", token="1"), a_listing("lake/raw/b", token="1"))
    assert "repeats itself" in str(the_error(lambda: list(store.keys("raw/"))))
    pages = [
        a_listing("lake/raw/b", "lake/raw/c", token="1"),
        a_listing("lake/raw/a", "lake/raw/b", token="2"),
    ]
    server.tell(*pages)
    assert "repeats itself" in str(the_error(lambda: list(store.keys("raw/"))))
    server.tell(*(a_listing(token=str(number)) for number in range(300)))
    assert "does not end" in str(the_error(lambda: list(store.keys("raw/"))))
    assert len(server.asked) < 150
    # pages without keys are allowed, and what broke off in the middle is asked for again
    server.tell(
        a_listing("lake/raw/a", token="1"), a_listing(token="2"), answer(500), a_listing("lake/raw/b")
    )
    assert list(store.keys("raw/")) == ["raw/a", "raw/b"]


def test_a_refused_write_is_looked_at(server, store):
    server.tell(error(412, "PreconditionFailed"), an_object(DATA))
    store.put_new("raw/x", DATA)  # our own first try had landed
    assert isinstance(the_error_of_a_put(server, store, an_object(b"other")), PartExists)
    assert isinstance(the_error_of_a_put(server, store, MISSING), PartExists)
    server.tell(error(412, "PreconditionFailed"), MISSING)
    with pytest.raises(ObjectChanged):
        store.swap("leases/x", DATA, '"old"')
    server.tell(error(404, "NoSuchKey"), MISSING)
    with pytest.raises(ObjectChanged):
        store.swap("leases/x", DATA, '"old"')


def the_error_of_a_put(server, store, seen):
    server.tell(error(412, "PreconditionFailed"), seen)
    with pytest.raises(LakeError) as caught:
        store.put_new("raw/x", DATA)
    return caught.value


@pytest.mark.parametrize(
    ("endpoint", "kind", "words"),
    [
        ("http://127.0.0.1:9", StoreAway, "cannot be reached (Connection refused)"),
        ("http://no-such-host.invalid:9", StoreAway, "its name cannot be resolved"),
        ("https://127.0.0.1:{port}", StoreAway, "TLS failed"),
    ],
)
def test_a_store_that_cannot_be_reached_is_told(server, store, monkeypatch, endpoint, kind, words):
    server.tell(answer(400, "not TLS"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.format(port=server.port))
    found = the_error(open_store("s3://bucket/lake").probe)
    assert type(found) is kind
    assert words in str(found)


@pytest.mark.parametrize(
    ("variable", "endpoint"),
    [
        ("AWS_ENDPOINT_URL", "http://user:canary@127.0.0.1:9"),
        ("AWS_ENDPOINT_URL", "https://canary@127.0.0.1"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9/?X-Amz-Signature=canary"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9/#canary"),
        ("AWS_ENDPOINT_URL", "user:canary@127.0.0.1:9"),
        ("AWS_ENDPOINT_URL", "http://user:canary@"),
        ("AWS_ENDPOINT_URL", "http://[canary"),
    ],
)
def test_an_address_of_a_store_has_no_secrets_in_it(store, monkeypatch, variable, endpoint):
    monkeypatch.setenv(variable, endpoint)
    found = the_error(open_store, "s3://bucket/lake")
    assert isinstance(found, LakeConfigError)
    assert "AWS_ENDPOINT_URL" in str(found)


def test_nor_has_one_in_a_file(store, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://user:canary@127.0.0.1:9\n")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert isinstance(the_error(open_store, "s3://bucket/lake"), LakeConfigError)
    (tmp_path / "config").write_text("[default\ncanary")
    assert "config" in str(the_error(open_store, "s3://bucket/lake"))


def test_a_proxy_is_told_without_its_password(store, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://user:canary@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    assert "HTTP_PROXY" in str(the_error(open_store("s3://bucket/lake").probe))


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_certificate_that_nobody_trusts_is_no_outage(store, monkeypatch, tmp_path):
    """Nothing is gained by waiting for it."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    made = subprocess.run(
        [*command, "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"openssl makes no certificate: {made.stderr.decode()}")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        client, _ = listener.accept()
        with client, pytest.raises(ssl.SSLError):
            server.wrap_socket(client, server_side=True)

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{listener.getsockname()[1]}")
    found = the_error(open_store("s3://bucket/lake").probe)
    thread.join()
    listener.close()
    assert type(found) is LakeError
    assert "certificate is not trusted" in str(found)
