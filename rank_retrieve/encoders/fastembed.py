"""Models of the fastembed library, run by ONNX on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rank_retrieve._extras import require
from rank_retrieve.encoders.model import ModelEncoder
from rank_retrieve.encoders.rows import check_dim

if TYPE_CHECKING:
    from fastembed import TextEmbedding


class FastEmbedEncoder(ModelEncoder):
    """Encodes with a fastembed `TextEmbedding`.

    model: a loaded `TextEmbedding`, or the name that loads one.
    name: of the model; needed for a loaded one whose `model_name` is not what made the vectors.
    dim: components of each vector; found by encoding one word where it is not given.
    document_prompt, query_prompt, batch_size: see `ModelEncoder`.
    The fingerprint is made of the name: fastembed does not show the weights of a model.
    Raises MissingExtra when fastembed is not installed.
    """

    def __init__(
        self,
        model: str | TextEmbedding,
        *,
        name: str | None = None,
        dim: int | None = None,
        document_prompt: str = "",
        query_prompt: str = "",
        batch_size: int = 256,
    ) -> None:
        self._model: Any = (
            require("fastembed", "fastembed").TextEmbedding(model)
            if isinstance(model, str)
            else model
        )
        found = name or (model if isinstance(model, str) else str(self._model.model_name))
        super().__init__(
            found, document_prompt=document_prompt, query_prompt=query_prompt, batch_size=batch_size
        )
        self._dim = check_dim(len(self._run(["word"])[0]) if dim is None else dim)

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self._dim

    def _ingredients(self) -> Iterable[bytes]:
        yield f"{self.name} {self._dim}".encode()

    def _run(self, texts: list[str]) -> Any:
        return list(self._model.embed(texts, batch_size=self.batch_size))
