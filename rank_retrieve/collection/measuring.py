"""What share of the true nearest does the index of a vector field find, and at which effort?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from rank_retrieve.collection.search import Searcher


def tuned(
    searcher: Searcher,
    recall: float,
    k: int,
    field: str | None,
    queries: Any,
    sample: int,
    seed: int,
) -> dict[str, Any]:
    """See `Reading.tune`."""
    from rank_retrieve.dense.index_searcher import IndexSearcher
    from rank_retrieve.dense.tuning import Questions, check_recall, measured_effort

    name = searcher.vector_field(field)
    if name in searcher.schema.multis:
        raise InvalidArgument("field", name, "has several vectors a document, and misses nothing")
    dense = searcher.dense_searcher(name)
    if isinstance(dense, IndexSearcher) and dense.effort.steps:
        return {"field": name, **measured_effort(dense, recall, k, queries, sample, seed)}
    # a scan misses nothing; what is asked for is checked all the same
    check_recall(recall)
    parts = searcher.dense_parts(name)
    metric = searcher.schema.vectors[name].metric
    questions = Questions(parts, metric, k, queries, sample, seed)
    n = len(questions.vectors)
    return {"field": name, "recall": 1.0, "target": recall, "k": k, "queries": n}
