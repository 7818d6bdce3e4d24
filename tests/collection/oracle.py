"""BM25 by brute force, in plain float64, over documents as they were put."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rank_retrieve.analysis import get_analyzer

K1, B = 1.2, 0.75


def bm25(
    documents: Sequence[Mapping[str, Any]], query: str, boosts: Mapping[str, float]
) -> dict[str, float]:
    """Scores of the documents that match, by id; every field is analysed as English."""
    terms = get_analyzer("english").terms
    weighted: list[Counter[bytes]] = []
    for document in documents:
        counts: Counter[bytes] = Counter()
        for field, boost in boosts.items():
            for term in terms(document.get(field) or ""):
                counts[term] += boost  # type: ignore[assignment]
        weighted.append(counts)
    lengths = [sum(counts.values()) for counts in weighted]
    n = len(documents)
    average = sum(lengths) / n if n else 0.0
    scores: dict[str, float] = {}
    for term, repeats in Counter(terms(query)).items():
        df = sum(term in counts for counts in weighted)
        if not df:
            continue
        idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
        for document, counts, length in zip(documents, weighted, lengths, strict=True):
            if term in counts:
                tf = counts[term]
                part = repeats * idf * tf / (tf + K1 * (1 - B + B * length / average))
                scores[document["id"]] = scores.get(document["id"], 0.0) + part
    return scores
