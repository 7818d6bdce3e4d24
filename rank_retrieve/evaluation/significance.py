"""Paired tests over per-query differences.

Smucker, Allan & Carterette, "A Comparison of Statistical Significance Tests for Information
Retrieval Evaluation", CIKM 2007: the randomisation test and the t-test agree on retrieval data,
the sign and signed-rank tests mislead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s

EXACT_UP_TO = 15
N_RANDOM = 100_000
_CHUNK_CELLS = 4_000_000


def fisher_randomisation(
    differences: Float64s, *, n_random: int = N_RANDOM, seed: int = 0
) -> float:
    """Two-sided p-value of Fisher's randomisation test: were the systems' labels arbitrary?

    differences: float64 [n_queries], system minus baseline.

    The share of the sign assignments whose total is at least as far from zero as the observed
    one: all of them for up to 15 differences that are not zero, `n_random` drawn ones (plus the
    observed, so never zero) above. 1 without any difference.
    """
    kept = np.asarray(differences, dtype=np.float64)
    kept = kept[kept != 0]
    if not len(kept):
        return 1.0
    # sums of the same numbers in another order differ in the last bits
    threshold = abs(float(kept.sum())) - 1e-9 * float(np.abs(kept).sum())
    if len(kept) <= EXACT_UP_TO:
        patterns = np.arange(2 ** len(kept), dtype=np.int64)
        signs = 1.0 - 2.0 * (patterns[:, None] >> np.arange(len(kept)) & 1)
        return float(np.mean(np.abs(signs @ kept) >= threshold))
    generator = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_CELLS // len(kept))
    extreme = 0
    for start in range(0, n_random, chunk):
        rows = min(chunk, n_random - start)
        flipped = generator.integers(0, 2, size=(rows, len(kept)), dtype=np.int8)
        totals = kept.sum() - 2.0 * (flipped.astype(np.float64) @ kept)
        extreme += int(np.count_nonzero(np.abs(totals) >= threshold))
    return (extreme + 1) / (n_random + 1)


def paired_t(differences: Float64s) -> float:
    """Two-sided p-value of Student's paired t-test (n - 1 degrees of freedom).

    differences: float64 [n_queries]. 1 without any difference or with one query only; 0 when all
    differ by the same amount.
    """
    from scipy.special import stdtr

    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2 or not values.any():
        return 1.0
    deviation = float(values.std(ddof=1))
    if deviation == 0.0:
        return 0.0
    t = float(values.mean()) / (deviation / math.sqrt(len(values)))
    return float(2.0 * stdtr(len(values) - 1, -abs(t)))


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """p-values times their number, at most 1, in the order given: simpler than `holm`, and never
    smaller.
    """
    return [min(1.0, len(p_values) * p) for p in p_values]


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for testing several hypotheses at once, in the order given.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
    Statistics 6(2), 1979: the smallest times n, the next times n - 1, ..., never decreasing.
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for place, at in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[at]))
        corrected[at] = highest
    return corrected


def uncorrected(p_values: Sequence[float]) -> list[float]:
    """The p-values as they are: for one comparison that was planned beforehand."""
    return list(p_values)


CORRECTIONS: dict[str, Callable[[Sequence[float]], list[float]]] = {
    "holm": holm,
    "bonferroni": bonferroni,
    "none": uncorrected,
}


def corrected(p_values: Sequence[float], correction: str) -> list[float]:
    """p-values by one of CORRECTIONS; InvalidArgument lists them."""
    if correction not in CORRECTIONS:
        known = ", ".join(CORRECTIONS)
        raise InvalidArgument("correction", correction, f"must be one of {known}")
    return CORRECTIONS[correction](p_values)


def mean_interval(values: Float64s, level: float = 0.95) -> tuple[float, float]:
    """Where the mean over queries lies, by Student's t, were the queries drawn anew.

    values: float64 [n_queries]; with one query the interval is its value alone. For comparing two
    systems over the same queries look at their differences: those vary less.
    """
    from scipy.special import stdtrit

    if not isinstance(level, float) or not 0 < level < 1:
        raise InvalidArgument("level", level, "must be a number between 0 and 1")
    mean = float(values.mean())
    if len(values) < 2:
        return mean, mean
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    half = float(stdtrit(len(values) - 1, (1 + level) / 2)) * error
    return mean - half, mean + half
