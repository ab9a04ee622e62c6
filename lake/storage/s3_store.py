"""Implements the Store protocol (lake/storage/store.py) in an S3 bucket, or in a store with S3's API and conditional writes.

Credentials, region and endpoint come only from where boto3 looks for them: environment, profile, instance role. A new
object is written by one PUT, so it appears as a whole. The PUT carries If-None-Match, so it never replaces an object.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.client import Config
from botocore.exceptions import BotoCoreError

from lake.storage.s3_errors import EndlessRedirect, TryAgain, UnusableAnswer, translated
from lake.storage.store import (
    PROBE,
    LakeConfigError,
    LakeError,
    ObjectChanged,
    PartExists,
    StoreAway,
    TaggedObject,
    sha256_hex,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# seven attempts, because botocore's pauses begin at 50 ms: five are over in 0.4 s on average, seven in 1.6 s
_CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 7})
_BUCKET = re.compile(
    r"[A-Za-z0-9._-]{1,255}"
)  # as boto3 checks it; stores are stricter, and say so themselves
_PAUSES_S = (0.2, 0.8)  # before the next tries of what boto3 does not try again, as a body that broke off
_MAX_LOOKS = 2  # HeadBuckets for one request
_MAX_PAGES_WITHOUT_KEYS = 100  # in a row, of one listing; stores may send a few
_DIGEST = "sha256"  # metadata of our objects: the digest of their bytes
_ENDPOINT = "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 or endpoint_url in the AWS config"
_T = TypeVar("_T")


class S3Store:
    """A store whose objects are in a bucket, below a prefix. See lake/storage/store.py for the methods."""

    def __init__(self, uri: str) -> None:
        location = urlsplit(uri)
        if "@" in location.netloc or location.query or location.fragment:
            raise LakeConfigError(
                "LAKE_URI: credentials and options do not belong in the address (it is logged): "
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
            )
        if not _BUCKET.fullmatch(location.netloc):
            named = location.path.strip("/") if not location.netloc else ""
            hint = f"; did you mean s3://{named}?" if named else ""
            raise LakeConfigError(
                f"LAKE_URI: {location.netloc!r} cannot be the name of a bucket; expected s3://bucket/prefix{hint}"
            )
        self.bucket, self.prefix = location.netloc, location.path.strip("/")
        self.uri = f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        self._looks = threading.local()  # HeadBuckets of the request that a thread is making
        self._client = self._open_client()

    def _open_client(self) -> S3Client:
        """Return boto3's client. Raises LakeConfigError where the store's address cannot be used, LakeError where the
        profile, region or files of boto3 cannot."""
        failure: LakeError
        try:
            client = boto3.session.Session().client("s3", config=_CONFIG)
        except BotoCoreError as error:
            failure = LakeError(f"{self.uri}: boto3 cannot be set up: {type(error).__name__}: {error}")
        except ValueError:  # its message has the store's address
            failure = LakeConfigError(
                f"{_ENDPOINT}: no address of a store; expected https://host or http://host:port"
            )
        else:
            _check_endpoint(client.meta.endpoint_url)
            client.meta.events.register("before-send.s3.HeadBucket", self._count_look)
            return client
        raise failure  # not in the blocks above, whose exceptions would be kept as its context

    def _count_look(self, **_: object) -> None:
        """Called before each HeadBucket, by which boto3 finds where a redirect leads. Raises EndlessRedirect."""
        self._looks.count = getattr(self._looks, "count", 0) + 1
        if self._looks.count > _MAX_LOOKS:  # boto3 itself follows redirects of these, too, without end
            raise EndlessRedirect

    def put_new(self, key: str, data: bytes) -> None:
        try:
            self._put(key, data, IfNoneMatch="*")
        except PartExists:
            # our own first try may have written it, and its reply was lost: only different content is an error
            if self._stored(key) != data:
                raise

    def _put(self, key: str, data: bytes, **condition: str) -> str:
        """Write an object under a condition (IfNoneMatch or IfMatch); return the new ETag."""
        path, digest = self._path(key), {_DIGEST: sha256_hex(data)}

        def request() -> str:
            answer = self._client.put_object(
                Bucket=self.bucket,
                Key=path,
                Body=data,
                Metadata=digest,
                **condition,  # type: ignore[arg-type]
            )
            return str(_field(answer, "ETag"))

        return self._call("PutObject", request)

    def get(self, key: str) -> bytes:
        return self.look(key).data

    def look(self, key: str) -> TaggedObject:
        path = self._path(key)

        def request() -> TaggedObject:
            answer = self._client.get_object(Bucket=self.bucket, Key=path)
            tag, modified_at = _field(answer, "ETag"), _field(answer, "LastModified")
            sent_at = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
            age_s = (
                (parsedate_to_datetime(sent_at) if sent_at else modified_at) - modified_at
            ).total_seconds()
            return TaggedObject(_whole_body(answer), tag, max(0.0, age_s))

        return self._call("GetObject", request)

    def swap(self, key: str, data: bytes, tag: str | None) -> str:
        try:
            return self._put(key, data, **({"IfMatch": tag} if tag else {"IfNoneMatch": "*"}))
        except (PartExists, KeyError):
            return self._tag_of_own_write(key, data)

    def _tag_of_own_write(self, key: str, data: bytes) -> str:
        """Return the tag of an object that our own first try wrote but whose reply was lost.

        Raises ObjectChanged if not so."""
        try:
            stored = self.look(key)
        except KeyError:
            stored = None
        if stored is None or stored.data != data:
            raise ObjectChanged(f"{self.uri}/{key}: changed in between")
        return stored.tag

    def _stored(self, key: str) -> bytes | None:
        try:
            return self.get(key)
        except KeyError:
            return None

    def get_range(self, key: str, start: int, size: int) -> bytes:
        """Return `size` bytes of an object from byte `start` on; fewer at its end. Raises KeyError, LakeError."""
        path, byte_range = self._path(key), f"bytes={start}-{start + size - 1}"

        def request() -> bytes:
            answer = self._client.get_object(Bucket=self.bucket, Key=path, Range=byte_range)
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", str(_field(answer, "ContentRange")))
            data = answer["Body"].read()
            first, last, whole = map(int, found.groups()) if found else (-1, -1, 0)
            if (first, last) != (start, min(start + size, whole) - 1) or len(data) != last - first + 1:
                raise UnusableAnswer("the answer has other bytes than were asked for")
            return bytes(data)

        return self._call("GetObject", request)

    def size(self, key: str) -> int:
        """Return an object's size in bytes. Raises KeyError where there is none, and LakeError."""
        path = self._path(key)
        return self._call(
            "HeadObject",
            lambda: int(_field(self._client.head_object(Bucket=self.bucket, Key=path), "ContentLength")),
        )

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        skip = len(self._path(""))
        found: set[str] = set()
        tokens: set[str] = set()
        options = {"Bucket": self.bucket, "Prefix": self._path(prefix)}
        if after:
            options["StartAfter"] = self._path(after)
        pages_without_keys = 0
        while True:
            keys, token = self._call("ListObjectsV2", partial(self._list_page, options, found, tokens))
            found |= keys
            pages_without_keys = 0 if keys else pages_without_keys + 1
            if pages_without_keys > _MAX_PAGES_WITHOUT_KEYS:
                raise StoreAway(f"{self.uri}: the store answers with a listing that does not end")
            if token is None:
                break
            tokens.add(token)
            options["ContinuationToken"] = token
        yield from sorted(k[skip:] for k in found)

    def _list_page(
        self, options: Mapping[str, str], seen: set[str], tokens: set[str]
    ) -> tuple[set[str], str | None]:
        """Return the keys of one page of a listing, and the token of the next page; None behind the last.

        seen, tokens: keys and tokens of the pages before, which must not come again: others would be left out."""
        answer = self._client.list_objects_v2(**options)  # type: ignore[arg-type]
        is_truncated = _field(answer, "IsTruncated")
        token = str(_field(answer, "NextContinuationToken")) if is_truncated else None
        keys = {str(entry["Key"]) for entry in answer.get("Contents", [])}
        if not keys.isdisjoint(seen) or token in tokens:
            raise UnusableAnswer("a listing that repeats itself")
        if not all(key.startswith(options["Prefix"]) for key in keys):
            raise UnusableAnswer("a listing of other keys than were asked for")
        return keys, token

    def remove(self, key: str) -> None:
        path = self._path(key)
        self._call("DeleteObject", lambda: _checked(self._client.delete_object(Bucket=self.bucket, Key=path)))

    def probe(self) -> None:
        # some stores create a missing bucket at the first write, and a typo would then create a second lake. A listing
        # says why it is refused, which HeadBucket cannot
        self._call(
            "ListObjectsV2",
            lambda: _field(
                self._client.list_objects_v2(Bucket=self.bucket, Prefix=self._path(PROBE), MaxKeys=1),
                "IsTruncated",
            ),
        )
        self._put(PROBE, b"")
        for name, condition in (("If-None-Match", {"IfNoneMatch": "*"}), ("If-Match", {"IfMatch": '"0"'})):
            try:
                self._put(PROBE, b"", **condition)
            except PartExists:
                continue
            raise LakeError(
                f"{self.uri}: the store ignores conditional writes ({name}), so two crawls could overwrite each "
                "other's objects; use a store that honours them"
            )

    def _path(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _call(self, operation: str, request: Callable[[], _T]) -> _T:
        """Make a request and return its result; try again a few times where that may help.

        operation: as boto3 calls it. Raises LakeError (or a subclass) in place of all other exceptions, and KeyError
        for an object that does not exist."""
        for pause_s in (*_PAUSES_S, None):
            self._looks.count = 0
            try:
                return request()
            except Exception as error:  # of boto3, and of urllib3, http.client, ssl and sockets below it
                failure = translated(error, operation, self.bucket)
            if isinstance(failure, TryAgain) and pause_s is not None:
                time.sleep(pause_s)
                continue
            # not in the block above: an exception that is kept as context may hold secrets, as the endpoint's address
            raise type(failure)(f"{self.uri}: {failure}") if isinstance(failure, LakeError) else failure
        raise AssertionError("unreachable")


def _check_endpoint(address: str) -> None:
    """Raise LakeConfigError for an address of a store that has secrets in it."""
    endpoint = urlsplit(address)
    if "@" in endpoint.netloc or endpoint.query or endpoint.fragment:
        raise LakeConfigError(
            f"{_ENDPOINT}: user name, password and options do not belong in the store's address (it is logged): "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
        )


def _checked(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an answer that says that all went well. Raises UnusableAnswer for a web page, as proxies send."""
    kind = answer["ResponseMetadata"]["HTTPHeaders"].get("content-type", "")
    if kind.startswith("text/html"):
        raise UnusableAnswer("the answer is a web page")
    return answer


def _field(answer: Mapping[str, Any], name: str) -> Any:
    """Return a field that every store sends. Raises UnusableAnswer where it is missing."""
    value = _checked(answer).get(name)
    if value is None:
        raise UnusableAnswer(f"the answer has no {name}")
    return value


def _whole_body(answer: Mapping[str, Any]) -> bytes:
    """Read the body of an object, which boto3 compares with Content-Length. Raises UnusableAnswer where it has not the
    digest that it was written with."""
    data = bytes(answer["Body"].read())
    digest = answer.get("Metadata", {}).get(_DIGEST)
    if digest not in (None, sha256_hex(data)):
        raise UnusableAnswer("the object has other bytes than were written")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    if digest is None and "content-length" not in headers and "transfer-encoding" not in headers:
        raise UnusableAnswer("nothing says how long it is")
    return data
