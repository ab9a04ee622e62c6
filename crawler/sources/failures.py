"""Puts a failed request or a raised exception into words. Many exceptions of the network come without a message."""

from __future__ import annotations

TORN = "the transfer broke off before the end"
# by name of the class, because the net's exceptions come from several libraries
_MEANINGS = {
    "ResponseDataLossError": TORN,
    "_DataLoss": TORN,
    "PotentialDataLoss": TORN,
    "ConnectionLost": "the connection was lost",
    "ConnectionDone": "the connection was closed before an answer",
    "ResponseNeverReceived": "the connection was closed before an answer",
    "DownloadTimeoutError": "no answer in time",
    "TimeoutError": "no answer in time",
    "DownloadCancelledError": "the answer is larger than the bound, or was broken off by us",
    "CannotResolveHostError": "its host has no address",
    "DownloadConnectionRefusedError": "the connection was refused",
    "RecursionError": "it is nested too deeply",
    "MemoryError": "it needs more memory than there is",
}


def failure_text(error: BaseException) -> str:
    """What an exception says, and what its class means where it says nothing; never empty."""
    name, said = type(error).__name__, str(error).strip()
    reasons = getattr(error, "reasons", None) or getattr(error.__cause__, "reasons", None) or ()
    inner = next((type(r.value).__name__ for r in reasons if type(r.value).__name__ in _MEANINGS), None)
    if meaning := _MEANINGS.get(name) or (_MEANINGS[inner] if inner else None):
        is_repetition = not said or "Failure" in said  # the text of a list of Failures is no text for people
        return f"{meaning} ({inner or name})" if is_repetition else f"{meaning}: {said}"
    return said or name


def is_torn(error: BaseException) -> bool:
    """Whether an answer came, and broke off."""
    return any(kind.__name__ == "ResponseDataLossError" for kind in type(error).__mro__)
