"""A whole batch at once: the same verdicts, joined."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from dedupe.groups import Groups, Tie, join_supported
from dedupe.index import Index, microseconds
from dedupe.relation import MERGING
from dedupe.signature import Signature, sign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dedupe.records import Document, Link

    Signed = tuple[Document, bytes]


def cluster(documents: Iterable[tuple[Document, str]]) -> dict[str, str]:
    """Document id to the id of its cluster, the least in it; of an id seen twice the last text counts.

    1. Sign each text as it comes and let it go; then take all in the order of publication, so that the order
       of the input does not matter.
    2. Judge and add one after the other, as a crawl does.
    3. Judge once more: by now the boilerplate of every outlet is known and every text has met every other.
    4. Texts of the same words are one; join the rest along the links, the surest first.
    """
    newest = {document.id: (document, sign(text).to_bytes()) for document, text in documents}
    signed = sorted(newest.values(), key=lambda pair: (microseconds(pair[0].published_at), pair[0].id))
    links = _links(signed)
    equal = Groups(newest)
    for id, link in links:
        if link.relation == "identical":
            equal.join(id, link.id)
    text_of = equal.names()
    joined = Groups(set(text_of.values()))
    join_supported(joined, _ties(text_of, links))
    name_of = joined.names()
    return {id: name_of[text] for id, text in text_of.items()}


def _links(signed: list[Signed]) -> list[tuple[str, Link]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("BEGIN")
    index = Index(connection)
    for document, data in signed:
        signature = Signature.from_bytes(data)
        index.add(document, signature, index.judge(document, signature).story_id)
    found = [
        (document.id, link)
        for document, data in signed
        for link in index.judge(document, Signature.from_bytes(data)).links
        if link.relation in MERGING
    ]
    connection.close()
    return found


def _ties(text_of: dict[str, str], links: list[tuple[str, Link]]) -> Iterable[Tie]:
    for id, link in links:
        first, second = sorted((text_of[id], text_of[link.id]))
        if first != second:
            yield Tie(first, second, link.similarity, link.containment)
