"""Retrievers or runs against judgements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Literal, TypeAlias, cast

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.evaluation import Evaluation
from rank_retrieve.evaluation.metrics import Metrics
from rank_retrieve.evaluation.qrels import Qrels, checked_grade
from rank_retrieve.evaluation.runs import Run, ranking
from rank_retrieve.types import Hits, Retriever

System: TypeAlias = Retriever[Any] | Callable[[Any, int], Hits] | Run

DEFAULT_METRICS = ("nDCG@10", "R@100", "RR", "AP@1000")


def evaluate(
    systems: System | Sequence[System] | Mapping[str, System],
    queries: Mapping[str, Any] | None,
    qrels: Qrels,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    ties: Literal["order", "trec_eval"] = "order",
) -> Evaluation:
    """How good rankings are, as means and per query.

    systems: a retriever, a function (query, k) -> Hits, or a run (query id -> document id ->
        score); several of them in a sequence, or in a mapping from names.
    queries: query id -> whatever the retriever takes: text, `Query`, vector. None with runs only.
    qrels: query id -> document id -> grade; above zero is relevant. A retriever's integer ids are
        compared as text.
    metrics: names of ir-measures. Retrievers are asked for as many hits as the deepest cut-off
        needs, 1,000 when a metric has none.
    ties: "order" judges the order of the hits, and for equal scores in a run the order of the
        mapping; "trec_eval" judges as trec_eval does: scores rounded to float32, equal ones by
        descending document id.

    The mean is over queries that have a relevant document; those without hits count as zero.
    Raises InvalidArgument when no such query is left, for unknown metrics and for systems of
    another kind; ImportError with the command that installs ir-measures when it is missing.
    """
    if ties not in ("order", "trec_eval"):
        raise InvalidArgument("ties", ties, 'must be "order" or "trec_eval"')
    measured = Metrics(metrics)
    named = named_systems(systems)
    asked = list(qrels if queries is None else queries)
    judged = judged_queries(asked, qrels)
    counted = tuple(judged)
    runs: dict[str, Run] = {}
    values = {}
    seconds: dict[str, float] = {}
    for name, system in named.items():
        run, taken = _timed_run(name, system, counted, queries, measured.depth)
        if taken is not None:
            seconds[name] = taken / len(counted)
        runs[name] = {query: dict(found) for query, found in run.items()}
        values[name] = measured.per_query(
            counted, judged, run if ties == "trec_eval" else by_order(run)
        )
    kept = set(counted)
    skipped = tuple(query for query in asked if query not in kept)
    return Evaluation(measured.names, counted, values, runs, skipped, seconds)


def judged_queries(asked: Sequence[str], qrels: Qrels) -> dict[str, dict[str, int]]:
    """The grades of those queries that have a relevant document; InvalidArgument for none."""
    judged = {
        query: {document: checked_grade(grade) for document, grade in qrels[query].items()}
        for query in asked
        if query in qrels
    }
    counted = {
        query: grades for query, grades in judged.items() if max(grades.values(), default=0) > 0
    }
    if not counted:
        raise InvalidArgument("qrels", len(qrels), "judge no document relevant to these queries")
    return counted


def by_order(run: Run) -> Run:
    """The run with scores that fall by one a place, so that a metric judges the order given."""
    # whole numbers survive trec_eval's float32, and leave it no ties to break its own way
    return {
        query: {document: float(-place) for place, (document, _) in enumerate(found.items())}
        for query, found in run.items()
    }


def run_of(
    name: str,
    system: System,
    counted: Sequence[str],
    queries: Mapping[str, Any] | None,
    depth: int,
) -> Run:
    """What a system returns for the queries that count, `depth` hits each if it is asked."""
    return _timed_run(name, system, counted, queries, depth)[0]


def _timed_run(
    name: str,
    system: System,
    counted: Sequence[str],
    queries: Mapping[str, Any] | None,
    depth: int,
) -> tuple[Run, float | None]:
    """The run, and for how many seconds a system that is no run was asked."""
    if isinstance(system, Mapping):
        return {q: dict(ranking(system[q])) for q in counted if q in system}, None
    if queries is None:
        raise InvalidArgument("queries", None, f"are needed to ask the retriever {name!r}")
    texts = [queries[query] for query in counted]
    started = perf_counter()
    found = _ask(system, texts, depth)
    taken = perf_counter() - started
    run = {query: _scores(name, query, hits) for query, hits in zip(counted, found, strict=True)}
    return run, taken


def _ask(
    system: Retriever[Any] | Callable[[Any, int], Hits], queries: list[Any], k: int
) -> list[Hits]:
    if not isinstance(system, Retriever):
        return [system(query, k) for query in queries]
    together = getattr(system, "search_many", None)
    if together is not None:
        return list(together(queries, k))
    return [system.search(query, k) for query in queries]


def _scores(name: str, query: str, hits: Hits) -> dict[str, float]:
    ids = [str(id_) for id_ in hits.ids.tolist()]
    scores = dict(zip(ids, hits.scores.tolist(), strict=True))
    if len(scores) != len(ids):
        raise InvalidArgument("systems", name, f"returned a document twice for query {query!r}")
    return scores


def named_systems(systems: System | Sequence[System] | Mapping[str, System]) -> dict[str, System]:
    """Systems by name; InvalidArgument for none, and for what is no system."""
    if isinstance(systems, Mapping):
        if _is_run(systems):
            return {"run": cast("Run", systems)}
        named = {str(name): cast("System", system) for name, system in systems.items()}
    elif isinstance(systems, list | tuple):
        named = _numbered([_kind(system) for system in systems], systems)
    else:
        named = {_kind(systems): cast("System", systems)}
    if not named:
        raise InvalidArgument("systems", systems, "must be at least one retriever or run")
    for name, system in named.items():
        if isinstance(system, Retriever) or callable(system):
            continue
        if not isinstance(system, Mapping) or not _is_run(system):
            raise InvalidArgument(
                "systems", system, f"{name!r} must be a retriever, a function or a run"
            )
    return named


def _is_run(mapping: Mapping[Any, Any]) -> bool:
    return all(
        isinstance(found, Mapping)
        and all(isinstance(score, int | float) for score in found.values())
        for found in mapping.values()
    )


def _kind(system: object) -> str:
    if isinstance(system, Mapping):
        return "run"
    return str(getattr(system, "__name__", type(system).__name__))


def _numbered(kinds: list[str], systems: Sequence[Any]) -> dict[str, Any]:
    counts = Counter(kinds)
    seen: Counter[str] = Counter()
    named = {}
    for kind, system in zip(kinds, systems, strict=True):
        seen[kind] += 1
        named[f"{kind} {seen[kind]}" if counts[kind] > 1 else kind] = system
    return named
