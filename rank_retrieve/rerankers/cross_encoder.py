"""A model that reads query and document together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from rank_retrieve._extras import require
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers.candidates import Candidates
from rank_retrieve.rerankers.function import as_scores
from rank_retrieve.rerankers.mixing import checked_weight, mixed
from rank_retrieve.rerankers.stage import Reranked
from rank_retrieve.rerankers.texts import TextOf, check_text_of, query_text, texts_of
from rank_retrieve.types import Query


@runtime_checkable
class PairModel(Protocol):
    """What scores pairs of texts, as sentence-transformers' `CrossEncoder` does."""

    def predict(self, sentences: list[tuple[str, str]], /, **options: Any) -> Any:
        """One number a pair (query, document), higher is better."""
        ...


@dataclass(frozen=True, eq=False)
class CrossEncoder:
    """Scores candidates by a model that reads query and document together.

    Nogueira & Cho, "Passage Re-ranking with BERT", arXiv:1901.04085. Slow and good: the model
    reads every candidate, so `candidates=` of the search decides what it costs.

    model: the name of a model for sentence-transformers (`pip install
        'rank-retrieve[sentence-transformers]'`; it may download the model), or any object with
        `predict(pairs) -> scores`.
    text: the field or fields that the model reads, or a function of the document.
    weight: of the model's scores against the earlier ones, in 0..1; below 1 both are mixed after
        min-max normalisation.
    batch_size: pairs at once, handed to the model; its own default when not given.
    """

    model: str | PairModel
    text: TextOf = ("title", "text")
    weight: float = 1.0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        check_text_of(self.text)
        checked_weight(self.weight)
        name = self.model if isinstance(self.model, str) else type(self.model).__name__
        loaded = _load(self.model) if isinstance(self.model, str) else self.model
        if isinstance(loaded, type) or not isinstance(loaded, PairModel):
            raise InvalidArgument("model", self.model, "must be a name, or have predict(pairs)")
        object.__setattr__(self, "model", loaded)
        object.__setattr__(self, "_label", f"cross-encoder {name}")

    def rerank(self, query: Query, candidates: Candidates, k: int) -> Reranked:
        """The model's scores."""
        label: str = getattr(self, "_label")  # noqa: B009 - set once, no field
        asked = query_text(query, label)
        pairs = [(asked, text) for text in texts_of(candidates, self.text)]
        options = {} if self.batch_size is None else {"batch_size": self.batch_size}
        assert not isinstance(self.model, str)
        found = self.model.predict(pairs, **options) if pairs else []
        return mixed(candidates, as_scores(found, len(pairs), label), self.weight, label)


def _load(name: str) -> PairModel:
    model: PairModel = require("sentence_transformers", "sentence-transformers").CrossEncoder(name)
    return model
