"""Turns what can go wrong with a request to an object store into our exceptions.

Each kind of failure is told by its own name, with what to do. What another try may mend is a TryAgain. No message has
the endpoint's address, which may hold secrets, nor a word of the store's but its error code.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from http.client import HTTPException

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    EndpointConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError, NameResolutionError

from lake.storage.store import LakeError, PartExists, StoreAway

_CREDENTIALS = "check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE)"
_ELSEWHERE = (
    "the bucket lies in another region or at another address; check AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
)
_CREDENTIAL_CODES = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidSecurity", "MissingSecurityHeader",
    "MissingAuthenticationToken", "UnrecognizedClientException", "InvalidClientTokenId", "AuthenticationRequired",
    "Unauthorized", "NotSignedUp", "AuthFailure",
}  # fmt: skip
_EXPIRED_CODES = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_SKEW_CODES = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_REGION_CODES = {
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "TemporaryRedirect",
    "IllegalLocationConstraintException",
}
_FULL = re.compile(r"quota|storagefull|insufficientstorage|diskfull|nospace|capacityexceeded", re.I)
# refusals that the same request may not meet again: it met another one, or was damaged on its way
_PASSING_CODES = {
    "ConditionalRequestConflict", "OperationAborted", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch", "RequestTimeout", "InternalError", "SlowDown", "Throttling", "ThrottlingException",
    "RequestLimitExceeded", "TooManyRequests", "ServiceUnavailable",
}  # fmt: skip
_UNSUPPORTED = {405, 501, 505}  # statuses of a store that does not know the operation
_LIMIT_STATUSES = {413: "the object is too large", 414: "the key is too long", 416: "there are no such bytes"}


class TryAgain(StoreAway):
    """The request failed in a way that another try may mend."""


class UnusableAnswer(Exception):
    """An answer says that all went well, and is none that a store gives. The message says why not."""


class EndlessRedirect(Exception):
    """The store redirects each request, also the one that asks where the bucket lies."""


def translated(error: Exception, operation: str, bucket: str) -> Exception:
    """Return our exception for one that a request raised; KeyError for an object that does not exist.

    operation: as boto3 calls it. bucket: its name."""
    if isinstance(error, ClientError):
        return _of_refusal(error, operation, bucket)
    if isinstance(error, EndlessRedirect):
        return LakeError(f"{operation} was redirected again and again: {_ELSEWHERE}")
    if isinstance(error, ResponseParserError):
        return _unusable(f"{operation}: what came cannot be parsed")
    if isinstance(error, UnusableAnswer):
        return _unusable(f"{operation}: {error}")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return LakeError(
            "no credentials found, or half of them; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile"
        )
    if certificate := next((e for e in _chain(error) if isinstance(e, ssl.SSLCertVerificationError)), None):
        return LakeError(
            f"the store's certificate is not trusted ({certificate.verify_message}); check AWS_ENDPOINT_URL and the "
            "clock, or name the authority's file in AWS_CA_BUNDLE"
        )
    if isinstance(error, ProxyConnectionError):
        return StoreAway(
            "the proxy cannot be reached, or refuses; check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
        )
    if any(isinstance(e, ssl.SSLError) for e in _chain(error)):
        return StoreAway(
            f"TLS failed ({_reason(error)}); check that AWS_ENDPOINT_URL begins with what the store speaks, http or https"
        )
    if isinstance(error, EndpointConnectionError):
        is_dns = any(isinstance(e, NameResolutionError) for e in _chain(error))
        why = "its name cannot be resolved" if is_dns else _reason(error)
        return StoreAway(f"the store cannot be reached ({why}); check AWS_ENDPOINT_URL and the network")
    if isinstance(error, IncompleteReadError | ResponseStreamingError | FlexibleChecksumError):
        return TryAgain(f"{operation}: the answer broke off or was damaged on its way")
    if isinstance(error, ConnectionError | HTTPClientError):  # boto3 has tried these again itself
        return StoreAway(f"{operation}: {_reason(error)}")
    if isinstance(error, BotoCoreError):
        return LakeError(f"{operation}: {type(error).__name__}: {error}")
    # of urllib3, http.client, ssl and sockets, which boto3 does not catch while it reads a body
    if isinstance(error, HTTPError | HTTPException | OSError):
        return TryAgain(f"{operation}: the connection broke off ({_reason(error)})")
    return _unusable(f"{operation}: {type(error).__name__} while the answer was read")


def _of_refusal(error: ClientError, operation: str, bucket: str) -> Exception:
    """Return our exception for an answer that refuses the request."""
    code = re.sub(r"[^\w.-]", "", str(error.response.get("Error", {}).get("Code", "")))[:60]
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    says_nothing = not code or code.isdecimal()  # the store has an error code; what stands before it need not
    told = f"{operation} was answered with {status}" + ("" if says_nothing else f" {code}")
    if status == 412:
        return PartExists("another object stands there already")
    if code == "NoSuchBucket":
        return LakeError(f"bucket {bucket!r} does not exist; create it or mend LAKE_URI")
    if code == "NoSuchKey" or (status == 404 and operation == "HeadObject"):
        return KeyError(code)
    if status == 507 or _FULL.search(code):
        return LakeError(
            f"the store is full or its quota is used up ({status} {code}); make room or raise the quota"
        )
    if code in _SKEW_CODES:
        return LakeError(
            f"the clocks of this machine and of the store differ too much ({code}); set this machine's clock"
        )
    if code in _EXPIRED_CODES:
        return LakeError(f"the session's credentials have expired ({code}); get new ones (AWS_SESSION_TOKEN)")
    if code in _CREDENTIAL_CODES:
        return LakeError(f"access refused ({code}); {_CREDENTIALS}")
    if 300 <= status < 400 or code in _REGION_CODES:
        return LakeError(f"{told}: {_ELSEWHERE}")
    # boto3 has made some of these requests again itself, with longer pauses than ours
    passing = StoreAway if error.response.get("ResponseMetadata", {}).get("RetryAttempts") else TryAgain
    if code in _PASSING_CODES or status in (408, 425, 429):
        return passing(f"{told}: the store is busy, or two writes met")
    if status == 407 or status == 511:
        return LakeError(f"{told}: a proxy wants a login; check HTTP_PROXY and HTTPS_PROXY")
    if status in (401, 403):
        why = "without a word why" if says_nothing else f"({code})"
        return LakeError(
            f"access refused {why}: {operation} is not allowed here; check what the bucket's policy and the key's rights "
            "allow, and whether a proxy or firewall answers"
        )
    if status in _UNSUPPORTED or code in ("NotImplemented", "MethodNotAllowed"):
        return LakeError(
            f"{told}: the store does not offer this; use one that does, and check AWS_ENDPOINT_URL"
        )
    if status in _LIMIT_STATUSES:
        return LakeError(f"{told}: {_LIMIT_STATUSES[status]}")
    if status >= 500:
        return passing(f"{told}: the store fails, or a proxy cannot reach it")
    if status == 404:
        return _unusable(f"{told}, without a word of what is missing")
    return LakeError(
        f"{told}: the request was refused; check AWS_ENDPOINT_URL, AWS_DEFAULT_REGION and LAKE_URI"
    )


def _unusable(what: str) -> TryAgain:
    return TryAgain(
        f"{what}; that is no object store's answer, but perhaps a proxy's: check AWS_ENDPOINT_URL, HTTP_PROXY and HTTPS_PROXY"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what lies behind it: causes, contexts, and what botocore and urllib3 wrap."""
    seen: list[BaseException] = []
    left: list[object] = [error]
    while left:
        one = left.pop()
        if not isinstance(one, BaseException) or any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        wrapped = getattr(one, "kwargs", {})
        left += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        left += [wrapped.get("error")] if isinstance(wrapped, dict) else []


def _reason(error: BaseException) -> str:
    """Return why a connection failed, in the words of the system or by the kind of exception."""
    for one in _chain(error):
        if isinstance(one, ssl.SSLError) and one.reason:
            return one.reason.replace("_", " ").lower()
        if isinstance(one, OSError) and one.strerror and not isinstance(one, BotoCoreError):
            return one.strerror
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).removesuffix(" Error").lower()
