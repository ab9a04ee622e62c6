"""Finds the addresses of what was taken down in records and files, and takes them out.

A tombstone holds a page's id and not its address, so each address that is met is hashed and looked up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from typing import Any

from cleaning import host_of, page_id
from lake.storage.store import WRONG_FORM, LakeError, ObjectChanged, Store, sha256_hex
from lake.storage.tombstones import PREFIX, TakenDown, outlet_tombstone

_URL = re.compile(r"https?://[^\s\"'<>\\\x00-\x20\x7f]+", re.I)
_URL_BYTES = re.compile(rb"https?://[^\s\"'<>\\\x00-\x20\x7f-\xff]+", re.I)
_CLOSING = ".,:;!?)]}"  # after an address in a sentence
IN_PLACE = "(taken down)"
_TRIES = 5  # where other takedowns rewrite the same object


class TakenDownAddresses:
    """Knows by an address whether its page was taken down."""

    def __init__(self, taken_down: TakenDown, hosts: Collection[str] = ()) -> None:
        """hosts: ids of the hosts of the outlets that were taken down (host_id)."""
        self._taken_down = taken_down
        self._hosts = {
            *hosts,
            *map(host_id, taken_down.outlets),
        }  # an outlet without a file is called by its host
        self._names = lru_cache(2**16)(self._is_taken_down)  # the same sources stand in many records

    def name(self, url: str) -> bool:
        """Whether this is an address of a page that was taken down."""
        return self._names(url) or self._names(url.rstrip(_CLOSING))

    def _is_taken_down(self, url: str) -> bool:
        with suppress(ValueError):
            return (bool(self._hosts) and host_id(host_of(url)) in self._hosts) or page_id(
                url
            ) in self._taken_down.pages
        return False

    def are_in(self, value: str | bytes) -> bool:
        """Whether a text or a file holds such an address."""
        if isinstance(value, bytes):
            return any(self.name(match.decode("ascii")) for match in _URL_BYTES.findall(value))
        return any(map(self.name, _URL.findall(value)))

    def without(self, value: Any) -> Any:
        """Return a JSON value without them: without the entries of lists and objects that are about one, and with
        IN_PLACE where one stands in a sentence. Returns an equal value where there is none."""
        if isinstance(value, str):
            return _URL.sub(lambda found: IN_PLACE if self.name(found[0]) else found[0], value)
        if isinstance(value, list):
            return [self.without(entry) for entry in value if not self._is_about(entry)]
        if isinstance(value, dict):
            return {k: self.without(v) for k, v in value.items() if not self._is_about(k)}
        return value

    def _is_about(self, entry: Any) -> bool:
        """Whether an entry is an address that was taken down, or a list that has it as an element."""
        elements = entry if isinstance(entry, list) else [entry]
        return any(isinstance(element, str) and self.name(element) for element in elements)


def host_id(host: str) -> str:
    """Return a hash that stands for a host without www."""
    return sha256_hex(host.encode())[:32]


def taken_down_addresses(store: Store, taken_down: TakenDown) -> TakenDownAddresses:
    """Return what finds the addresses of the tombstones of a lake. Raises LakeError."""
    hosts: set[str] = set()
    for outlet in taken_down.outlets:
        with suppress(*WRONG_FORM):  # it is gone, damaged, or older than this entry
            hosts.update(json.loads(store.get(f"{PREFIX}{outlet_tombstone(outlet)}.json"))["hosts"])
    return TakenDownAddresses(taken_down, hosts)


def clean_record(store: Store, key: str, addresses: TakenDownAddresses) -> bool:
    """Rewrite a JSON object of the lake without the addresses; return whether it had any.

    Raises KeyError where it is gone, ValueError where it is no JSON, and LakeError."""
    for _ in range(_TRIES):
        current = store.look(key)
        cleaned = cleaned_json(current.data, addresses)
        if cleaned is None:
            return False
        with suppress(ObjectChanged):  # another takedown rewrote it
            store.swap(key, cleaned, current.tag)
            return True
    raise LakeError(f"{store.uri}/{key}: changes all the time; run the same command again")


def cleaned_json(data: bytes, addresses: TakenDownAddresses) -> bytes | None:
    """Return a JSON document without the addresses; None where it has none. Raises ValueError where it is no JSON."""
    try:
        before = json.loads(data)
        after = addresses.without(before)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return None if after == before else json.dumps(after, indent=1, ensure_ascii=False).encode()
