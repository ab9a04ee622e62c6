"""Which articles are copies of one another: knows ids, texts and signatures only.

`sign` in any process, `Index.judge` and `Index.add` inside the caller's transaction, `cluster` for a batch.
"""

from dedupe.clusters import cluster
from dedupe.index import Index
from dedupe.records import Document, Link, Relation, Verdict
from dedupe.scheme import SCHEME, SchemeMismatch
from dedupe.signature import Signature, sign

__all__ = [
    "SCHEME",
    "Document",
    "Index",
    "Link",
    "Relation",
    "SchemeMismatch",
    "Signature",
    "Verdict",
    "cluster",
    "sign",
]
