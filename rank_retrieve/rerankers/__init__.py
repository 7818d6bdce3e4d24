"""What happens to hits before they are shown?

Stages look at the best candidates of a search and score them anew: `CrossEncoder`, `MaxSim` and
any function by reading, `MMR` by comparing them with each other, `Recency` and `Boost` by their
fields. `search(rerank=...)` takes one or several, `Reranker` puts them behind any retriever. Each
says what its scores are the sum of, so the explanation of a hit adds up through all of them.
"""

from rank_retrieve.rerankers.boost import Boost
from rank_retrieve.rerankers.candidates import Candidate, Candidates, Source
from rank_retrieve.rerankers.cross_encoder import CrossEncoder, PairModel
from rank_retrieve.rerankers.expression import Expression
from rank_retrieve.rerankers.function import Scored
from rank_retrieve.rerankers.max_sim import MaxSim
from rank_retrieve.rerankers.mmr import MMR
from rank_retrieve.rerankers.recency import Recency
from rank_retrieve.rerankers.reranker import Reranker
from rank_retrieve.rerankers.stage import (
    Kept,
    Part,
    Rerank,
    Reranked,
    Stage,
    Staged,
    as_stages,
    run_stages,
)

__all__ = [
    "MMR",
    "Boost",
    "Candidate",
    "Candidates",
    "CrossEncoder",
    "Expression",
    "Kept",
    "MaxSim",
    "PairModel",
    "Part",
    "Recency",
    "Rerank",
    "Reranked",
    "Reranker",
    "Scored",
    "Source",
    "Stage",
    "Staged",
    "as_stages",
    "run_stages",
]
