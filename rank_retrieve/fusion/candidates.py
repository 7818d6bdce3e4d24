"""How deep each leg is searched before fusing.

RRF (k=60) of BM25 (k1=1.2, b=0.75) and MiniLM cosine, nDCG@10 / recall@100 by depth of the legs:

    depth   scifact          cranfield        cacm             xquad-en
    10      .7164 / .8700    .3939 / .5005    .5156 / .4318    .9747 / 1.0
    50      .7167 / .9437    .4054 / .7505    .5336 / .7124    .9727 / 1.0
    64      .7171 / .9467    .4061 / .7825    .5382 / .7389    .9730 / 1.0
    100     .7183 / .9483    .4058 / .7849    .5441 / .7464    .9727 / 1.0
    200     .7191 / .9550    .4058 / .7912    .5427 / .7674    .9724 / 1.0
    1000    .7191 / .9550    .4058 / .7894    .5427 / .7737    .9724 / 1.0

From depth 64 on the first ten hardly change (cacm has 52 queries: .006 are three of them), and
twice the hits asked for is enough for recall.
"""

from __future__ import annotations

MIN_CANDIDATES = 64
CANDIDATES_PER_HIT = 2


def default_candidates(k: int) -> int:
    """How many docs to ask of each leg for k fused ones: max(64, 2 k)."""
    return max(MIN_CANDIDATES, CANDIDATES_PER_HIT * k)
