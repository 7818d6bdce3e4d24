"""The systems that `eval` compares: a collection searched in several ways, and runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rank_retrieve.cli.options import MODES

if TYPE_CHECKING:
    from rank_retrieve.collection import Collection
    from rank_retrieve.types import Bitmap, Hits


def modes_of(documents: Collection) -> tuple[str, ...]:
    """The modes that a collection can answer from text alone."""
    return MODES if documents.encoder is not None else ("lexical",)


def system_names(modes: Iterable[str], fusions: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Names of systems, with the options that they search with.

    Raises InvalidArgument for an unknown fusion.
    """
    named: dict[str, dict[str, Any]] = {mode: {"mode": mode} for mode in modes}
    for fusion in fusions:
        from rank_retrieve.fusion import get_method

        named[f"hybrid-{fusion}"] = {"mode": "hybrid", "fusion": get_method(fusion)}
    return named


def named_run(path: Path) -> tuple[str, dict[str, dict[str, float]]]:
    """A run from a TREC file, named by it."""
    from rank_retrieve import evaluation

    return path.stem, evaluation.read_run(path)


class CollectionSearch:
    """A collection searched with some options, as the retriever that an evaluation asks."""

    def __init__(
        self,
        documents: Collection,
        options: Mapping[str, Any],
        on_query: Callable[[], None] = lambda: None,
    ) -> None:
        self._documents, self._options, self._on_query = documents, options, on_query

    def search(self, query: str, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """At most k hits."""
        hits = self._documents.search(query, k, **self._options)
        self._on_query()
        return hits

    def search_many(self, queries: Sequence[str], k: int = 10) -> list[Hits]:
        """At most k hits for each query, one after the other, so that progress can be shown."""
        return [self.search(query, k) for query in queries]

    def __len__(self) -> int:
        return len(self._documents)
