"""Legs for tests: by hand, and drawn."""

import numpy as np
from hypothesis import strategies as st

from rank_retrieve.types import Ranked


def leg(*pairs):
    """A ranking from (doc, score) pairs, best first."""
    return Ranked(
        np.array([doc for doc, _ in pairs], dtype=np.int64),
        np.array([score for _, score in pairs], dtype=np.float64),
    )


def fused_pairs(fused):
    return list(zip(fused.docs.tolist(), fused.scores.tolist(), strict=True))


@st.composite
def drawn_leg(draw):
    docs = draw(st.lists(st.integers(0, 30), unique=True, max_size=20))
    # few distinct values, so that scores tie within and between legs
    score = st.sampled_from([-2.5, -1.0, 0.0, 0.1, 0.3, 1.0, 7.25, 1e6])
    scores = draw(st.lists(score, min_size=len(docs), max_size=len(docs)))
    order = sorted(range(len(docs)), key=lambda i: (-scores[i], docs[i]))
    return leg(*[(docs[i], scores[i]) for i in order])


drawn_legs = st.lists(drawn_leg(), min_size=1, max_size=4)
