"""How do several rankings become one?

A method takes legs (`Ranked`, best first) and gives a `Fused`: docs, scores, and where each
doc stood in each leg, so that every score explains itself. Methods by rank: `RRF`, `ISR`,
`Borda`. By score: `Convex`, `DBSF`, `CombSUM`, `CombMNZ`, `CombANZ`, `CombMAX`, `CombMIN`,
after one of `NORMALISATIONS`. With weights of its own for each query: `Adaptive`.
`FusionRanker` does it over retrievers.
"""

from rank_retrieve.fusion.adaptive import Adaptive
from rank_retrieve.fusion.borda import Borda
from rank_retrieve.fusion.candidates import default_candidates
from rank_retrieve.fusion.comb_anz import CombANZ
from rank_retrieve.fusion.comb_max import CombMAX
from rank_retrieve.fusion.comb_min import CombMIN
from rank_retrieve.fusion.comb_mnz import CombMNZ
from rank_retrieve.fusion.comb_sum import CombSUM
from rank_retrieve.fusion.completion import complete_legs
from rank_retrieve.fusion.convex import Convex
from rank_retrieve.fusion.dbsf import DBSF
from rank_retrieve.fusion.fused import Fused
from rank_retrieve.fusion.isr import ISR
from rank_retrieve.fusion.method import FusionMethod, SumOverLegs
from rank_retrieve.fusion.mmr import Diverse, select_diverse
from rank_retrieve.fusion.normalisation import (
    NORMALISATIONS,
    MinMax,
    NoNormalisation,
    Normalisation,
    RankPosition,
    TheoreticalMinimum,
    ZScore,
)
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.fusion.ranker import FusionRanker
from rank_retrieve.fusion.registry import METHODS, get_method
from rank_retrieve.fusion.rrf import RRF

__all__ = [
    "DBSF",
    "ISR",
    "METHODS",
    "NORMALISATIONS",
    "RRF",
    "Adaptive",
    "Borda",
    "CombANZ",
    "CombMAX",
    "CombMIN",
    "CombMNZ",
    "CombSUM",
    "Convex",
    "Diverse",
    "Fused",
    "FusionMethod",
    "FusionRanker",
    "MinMax",
    "NoNormalisation",
    "Normalisation",
    "Pool",
    "RankPosition",
    "SumOverLegs",
    "TheoreticalMinimum",
    "ZScore",
    "complete_legs",
    "default_candidates",
    "get_method",
    "select_diverse",
]
