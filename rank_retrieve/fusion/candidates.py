"""How deep each leg is searched before fusing.

RRF (k=60) of BM25 (k1=1.2, b=0.75) and MiniLM cosine, nDCG@10 / recall@100 by depth of the legs:

    depth   scifact          cranfield        cacm             xquad-en
    10      .7092 / .8700    .3959 / .5005    .5052 / .4318    .9722 / 1.0
    50      .7115 / .9437    .4063 / .7503    .5293 / .7141    .9705 / 1.0
    100     .7133 / .9483    .4065 / .7860    .5398 / .7506    .9705 / 1.0
    200     .7142 / .9550    .4065 / .7922    .5371 / .7682    .9702 / 1.0
    1000    .7143 / .9550    .4065 / .7909    .5371 / .7742    .9702 / 1.0

From depth 100 on the first ten hardly change, and twice the hits asked for is enough for recall.
"""

from __future__ import annotations

MIN_CANDIDATES = 100
CANDIDATES_PER_HIT = 2


def default_candidates(k: int) -> int:
    """How many docs to ask of each leg for k fused ones: max(100, 2 k)."""
    return max(MIN_CANDIDATES, CANDIDATES_PER_HIT * k)
