"""The lake in an object store. Credentials, region and endpoint come from boto3's own chain only."""

from __future__ import annotations

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

# seven, because botocore's pauses begin at 50 ms: five are over in .4 s, seven in 1.6 on average
_CONFIG = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 7})
_TRIES = 3  # where boto3 does not try again by itself: a torn body, two conditional writes that met
_T = TypeVar("_T")


class _RetryAtOnce(StoreAway):
    """Worth another try at once."""


class S3Store:
    """One conditional PUT for each object (If-None-Match), so that it appears whole, once, or not at all."""

    def __init__(self, uri: str) -> None:
        location = urlsplit(uri)
        if "@" in location.netloc or location.query:
            raise LakeConfigError(
                "LAKE_URI: credentials and options do not belong in the address (it is logged): "
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
            )
        if not location.netloc:
            raise LakeConfigError("LAKE_URI: s3:// needs a bucket: s3://bucket/prefix")
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
            # the reply to our own first try may have been lost: compare before crying
            if self.get(key) != data:
                raise

    def _put(self, key: str, data: bytes, **condition: str) -> str:
        """Returns the new ETag."""
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
        """The tag of an object that our own first try wrote, its reply lost. Raises Changed."""
        try:
            stored = self.look(key)
        except KeyError:
            stored = None
        if stored is None or stored.data != data:
            raise ObjectChanged(f"{self.uri}/{key}: changed in between")
        return stored.tag

    def get_range(self, key: str, start: int, size: int) -> bytes:
        path, byte_range = self._path(key), f"bytes={start}-{start + size - 1}"
        return self._call(
            lambda: self._client.get_object(Bucket=self.bucket, Key=path, Range=byte_range)["Body"].read()
        )

    def size(self, key: str) -> int:
        """Raises KeyError where there is none."""
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
        # some stores make a missing bucket at the first write: a typo would then found a second lake
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
        """`_ask`, a few times where the store did not answer in full."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._call(request)
            except _RetryAtOnce as error:
                if not tries_left:
                    raise StoreAway(str(error)) from error
                time.sleep(0.2)
        raise AssertionError("unreachable")

    def _call(self, request: Callable[[], _T]) -> _T:
        """Make one request; turn boto3's errors into words that name the place and the cure, never a secret."""
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
