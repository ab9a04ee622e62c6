"""Implements the Store protocol (lake/storage/store.py) in an S3 bucket, or in a store with S3's API and conditional writes.

Credentials, region and endpoint come only from where boto3 looks for them: environment, profile, instance role. A new
object is written by one PUT, so it appears as a whole. The PUT carries If-None-Match, so it never replaces an object.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.client import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ResponseStreamingError,
)

from lake.storage.store import (
    PROBE,
    LakeConfigError,
    LakeError,
    ObjectChanged,
    PartExists,
    StoreAway,
    TaggedObject,
)

# seven attempts, because botocore's pauses begin at 50 ms: five are over in 0.4 s on average, seven in 1.6 s
_CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 7})
_BUCKET = re.compile(
    r"[A-Za-z0-9._-]{1,255}"
)  # as boto3 checks it; stores are stricter, and say so themselves
_TRIES = 3  # for what boto3 does not retry: an incomplete body, two conditional writes at the same moment
_T = TypeVar("_T")


class _RetryAtOnce(StoreAway):
    """The request failed in a way that an immediate retry is likely to mend."""


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
        try:
            self._client = boto3.session.Session().client("s3", config=_CONFIG)
        except (BotoCoreError, ValueError) as error:
            raise LakeError(f"{self.uri}: {error}") from error

    def put_new(self, key: str, data: bytes) -> None:
        try:
            self._put(key, data, IfNoneMatch="*")
        except PartExists:
            # our own first try may have written it, and its reply was lost: only different content is an error
            if self.get(key) != data:
                raise

    def _put(self, key: str, data: bytes, **condition: str) -> str:
        """Write an object under a condition (IfNoneMatch or IfMatch); return the new ETag."""
        path = self._path(key)
        return self._call_with_retries(
            lambda: self._client.put_object(Bucket=self.bucket, Key=path, Body=data, **condition)["ETag"]  # type: ignore[arg-type]
        )

    def get(self, key: str) -> bytes:
        return self.look(key).data

    def look(self, key: str) -> TaggedObject:
        path = self._path(key)

        def request() -> TaggedObject:
            response = self._client.get_object(Bucket=self.bucket, Key=path)
            sent_at = response["ResponseMetadata"]["HTTPHeaders"].get("date")
            now = parsedate_to_datetime(sent_at) if sent_at else response["LastModified"]
            age_s = (now - response["LastModified"]).total_seconds()
            return TaggedObject(response["Body"].read(), response["ETag"], max(0.0, age_s))

        return self._call_with_retries(request)

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

    def get_range(self, key: str, start: int, size: int) -> bytes:
        """Return `size` bytes of an object from byte `start` on; fewer at its end. Raises KeyError, LakeError."""
        path, byte_range = self._path(key), f"bytes={start}-{start + size - 1}"
        return self._call(
            lambda: self._client.get_object(Bucket=self.bucket, Key=path, Range=byte_range)["Body"].read()
        )

    def size(self, key: str) -> int:
        """Return an object's size in bytes. Raises KeyError where there is none, and LakeError."""
        path = self._path(key)
        return self._call(lambda: self._client.head_object(Bucket=self.bucket, Key=path)["ContentLength"])

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        skip = len(self._path(""))
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self._path(prefix), StartAfter=self._path(after) if after else ""
        )
        keys = self._call(lambda: [o["Key"] for page in pages for o in page.get("Contents", [])])
        yield from sorted(k[skip:] for k in keys)

    def remove(self, key: str) -> None:
        path = self._path(key)
        self._call(lambda: self._client.delete_object(Bucket=self.bucket, Key=path))

    def probe(self) -> None:
        # some stores create a missing bucket at the first write, and a typo would then create a second lake
        self._call(lambda: self._client.head_bucket(Bucket=self.bucket))
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

    def _call_with_retries(self, request: Callable[[], _T]) -> _T:
        """Do as `_call`, and retry a few times where an immediate retry may help. Raises as `_call`."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._call(request)
            except _RetryAtOnce as error:
                if not tries_left:
                    raise StoreAway(str(error)) from error
                time.sleep(0.2)
        raise AssertionError("unreachable")

    def _call(self, request: Callable[[], _T]) -> _T:
        """Make one request and return its result.

        Raises LakeError (or a subclass) in place of boto3's errors, and KeyError for an object that does not exist.
        The messages name the lake and the remedy, and no secret."""
        try:
            return request()
        except ClientError as error:
            raise self._translate_error(error) from error
        except NoCredentialsError as error:
            raise LakeError(
                f"{self.uri}: no credentials found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile"
            ) from error
        except EndpointConnectionError as error:
            raise StoreAway(
                f"{self.uri}: {self._client.meta.endpoint_url} cannot be reached; check AWS_ENDPOINT_URL and the network"
            ) from error
        except (IncompleteReadError, ResponseStreamingError) as error:
            raise _RetryAtOnce(f"{self.uri}: {error}") from error
        except (ConnectionError, HTTPClientError) as error:
            raise StoreAway(f"{self.uri}: {error}") from error
        except BotoCoreError as error:
            raise LakeError(f"{self.uri}: {error}") from error

    def _translate_error(self, error: ClientError) -> Exception:
        """Return our exception for an error response of the object store."""
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 412:
            return PartExists(f"{self.uri}: another object stands there already")
        if status == 409 and code == "ConditionalRequestConflict":
            return _RetryAtOnce(f"{self.uri}: two conditional writes met")
        if code == "NoSuchKey" or (code == "404" and error.operation_name == "HeadObject"):
            return KeyError(code)
        if code == "NoSuchBucket" or (code == "404" and error.operation_name == "HeadBucket"):
            return LakeError(f"{self.uri}: bucket {self.bucket!r} does not exist; create it or mend LAKE_URI")
        if status in (401, 403):
            return LakeError(
                f"{self.uri}: access refused ({code}); check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
                "AWS_PROFILE) and the bucket's policy"
            )
        kind = StoreAway if status == 429 or (status or 0) >= 500 else LakeError
        return kind(f"{self.uri}: the store answered {error.operation_name} with {status} {code}")
