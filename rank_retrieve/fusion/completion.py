"""Every candidate scored on every leg, not only on those that found it.

    leg 1   a 9   b 7             asked for c: 2            a 9   b 7   c 2
    leg 2   b .8  c .6            asked for a: not in it    b .8  c .6

A leg of depth 100 says nothing of a doc at place 101, so a fusion takes it for no better than a
doc that does not match. Where the scores of single docs are cheap, asking for them is the remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s, Int64s, Ranked


def complete_legs(
    legs: Sequence[Ranked], scores_of: Sequence[Callable[[Int64s], Float64s]]
) -> list[Ranked]:
    """The legs, each with all docs of all legs that it can score, best first.

    scores_of: for each leg, docs int64 [n] -> scores float64 [n], NaN for docs that do not match
        the leg. It is asked for docs that the leg lacks only.
    """
    if len(legs) != len(scores_of):
        raise InvalidArgument("scores_of", len(scores_of), f"must be {len(legs)}, one a leg")
    everything = np.unique(np.concatenate([Ranked.empty().docs, *[leg.docs for leg in legs]]))
    result = []
    for leg, scores in zip(legs, scores_of, strict=True):
        missing = np.setdiff1d(everything, leg.docs, assume_unique=True)
        if not len(missing):
            result.append(leg)
            continue
        found = scores(missing)
        known = ~np.isnan(found)
        docs = np.concatenate([leg.docs, missing[known]])
        result.append(Ranked.best(docs, np.concatenate([leg.scores, found[known]]), len(docs)))
    return result
