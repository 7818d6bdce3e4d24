"""How else can a term be scored? The formulas of other libraries, by name, and of one's own.

    scorer       what every scoring formula is
    bm25         the BM25 family as other libraries compute it
    tf_idf, dirichlet      the vector space model and the language model
    profiles     all of them by name
    exhaustive   the searcher that runs any of them

`rr.BM25Scorer`, the default, is scored by kernels that skip most postings (`lexical.searcher`). All
others score every posting of the query's terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.lexical.scorers.bm25 import BM25L, ATIREScorer, BM25Plus, RankBM25, Robertson
    from rank_retrieve.lexical.scorers.dirichlet import Dirichlet
    from rank_retrieve.lexical.scorers.profiles import PROFILES, profile
    from rank_retrieve.lexical.scorers.scorer import Corpus, Scorer, Term
    from rank_retrieve.lexical.scorers.tf_idf import TFIDF

__all__ = [
    "BM25L",
    "PROFILES",
    "TFIDF",
    "ATIREScorer",
    "BM25Plus",
    "Corpus",
    "Dirichlet",
    "RankBM25",
    "Robertson",
    "Scorer",
    "Term",
    "profile",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "bm25": ("ATIREScorer", "BM25L", "BM25Plus", "RankBM25", "Robertson"),
        "dirichlet": ("Dirichlet",),
        "profiles": ("PROFILES", "profile"),
        "scorer": ("Corpus", "Scorer", "Term"),
        "tf_idf": ("TFIDF",),
    },
)
