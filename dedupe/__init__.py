"""Finds which articles are copies of one another, from ids, texts and signatures alone. The only home of datasketch.

May import: nothing else of the project. Data comes as texts and their signatures; it leaves as verdicts and clusters.
`sign` works in any process, `Index.judge` and `Index.add` in the caller's transaction, `cluster` on a batch.
Open first: signature/signature.py, then online/index.py.
"""

from dedupe.batch.clusters import Clustered, Counts, cluster, cluster_signed
from dedupe.online.index import WINDOW, Index
from dedupe.records import Document, Link, Relation, Verdict
from dedupe.rules.originals import Member, original
from dedupe.rules.passages import Passage, shared_passages
from dedupe.signature.scheme import INDEX_FORMAT, SCHEME, SchemeMismatch
from dedupe.signature.signature import Signature, sign

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
