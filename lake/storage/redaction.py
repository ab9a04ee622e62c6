"""Takes secrets out of texts that people and other programs read: messages, log lines, tracebacks, records.

Every LakeError passes here, and every log record once `redact_logs` was called.
"""

from __future__ import annotations

import logging
import os
import re
import traceback

_USER_INFO = re.compile(r"(?<=://)[^/?#\s'\"<>]*@")
# what stands before a host without a scheme, as in a proxy's address: name:password@host
_BARE_USER_INFO = re.compile(r"(?<![\w/:@.-])(?!mailto:)[^\s/:@'\"<>()]+:[^\s/@'\"<>]+@(?=[\w\[])")
_PARAMETER = re.compile(
    r"([?&;](?:[\w.-]*(?:signature|credential|token|secret|passw|api-?_?key|access-?_?key)[\w.-]*|sig|pwd|auth|key)=)"
    r"[^&\s'\"<>#]*",
    re.I,
)
_HEADER = re.compile(r"(\b(?:proxy-)?authorization\b['\"]?\s*[:=]\s*(?:b?['\"])?)[^'\"\r\n]+", re.I)
_SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ACCESS_KEY_ID")
_MIN_SECRET = 8  # characters; a shorter value would take common words out of the text
_SHOWN = "…"
# libraries that write requests with their signatures into the log
_NOISY = ("boto3", "botocore", "s3transfer", "urllib3")


def redacted(text: str) -> str:
    """Return the text without the user info of addresses, without the values of parameters and headers that carry
    secrets, and without the credentials in the environment."""
    for name in _SECRET_VARIABLES:
        value = os.environ.get(name, "")
        if len(value) >= _MIN_SECRET:
            text = text.replace(value, _SHOWN)
    if "@" in text:
        text = _BARE_USER_INFO.sub(f"{_SHOWN}@", _USER_INFO.sub(f"{_SHOWN}@", text))
    if "=" in text:
        text = _PARAMETER.sub(rf"\1{_SHOWN}", text)
    return _HEADER.sub(rf"\1{_SHOWN}", text) if "uthorization" in text.lower() else text


def redact_logs() -> None:
    """Redact every log record of this process from now on, with its traceback.

    The libraries that speak with the store are kept from writing their requests into the log, whatever LOG_LEVEL."""
    logging.setLogRecordFactory(_RedactedRecord)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


class _RedactedRecord(logging.LogRecord):
    """A log record without secrets; handlers and formatters see no other text."""

    def getMessage(self) -> str:  # noqa: N802 the name is logging's
        return redacted(super().getMessage())

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        if self.exc_info and self.exc_info[0]:  # formatters take this text where it is there
            self.exc_text = redacted("".join(traceback.format_exception(*self.exc_info)).rstrip("\n"))
