"""Which articles are copies of one another: knows ids, texts and signatures only.

`sign` in any process, `Index.judge` and `Index.add` inside the caller's transaction, `cluster` for a batch.
"""

from dedupe.clusters import Clustered, Counts, cluster, cluster_signed
from dedupe.index import WINDOW, Index
from dedupe.originals import Member, original
from dedupe.passages import Passage, shared_passages
from dedupe.records import Document, Link, Relation, Verdict
from dedupe.scheme import INDEX_FORMAT, SCHEME, SchemeMismatch
from dedupe.signature import Signature, sign

__all__ = [
    "INDEX_FORMAT",
    "SCHEME",
    "WINDOW",
    "Clustered",
    "Counts",
    "Document",
    "Index",
    "Link",
    "Member",
    "Passage",
    "Relation",
    "SchemeMismatch",
    "Signature",
    "Verdict",
    "cluster",
    "cluster_signed",
    "original",
    "shared_passages",
    "sign",
]
