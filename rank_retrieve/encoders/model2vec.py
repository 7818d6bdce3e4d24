"""Static embeddings of the model2vec library: a table look-up for each token, then a mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from rank_retrieve._extras import require
from rank_retrieve.encoders.model import ModelEncoder

if TYPE_CHECKING:
    from model2vec import StaticModel


class Model2VecEncoder(ModelEncoder):
    """Encodes with a model2vec `StaticModel`: some thousands of texts a second on one core.

    model: a loaded `StaticModel`, or the path or name that loads one.
    document_prompt, query_prompt, batch_size: see `ModelEncoder`.
    A text none of whose tokens the model knows gives a row of zeros.
    Raises MissingExtra when model2vec is not installed.
    """

    def __init__(
        self,
        model: str | StaticModel,
        *,
        document_prompt: str = "",
        query_prompt: str = "",
        batch_size: int = 1024,
    ) -> None:
        name = model if isinstance(model, str) else type(model).__name__
        super().__init__(
            name, document_prompt=document_prompt, query_prompt=query_prompt, batch_size=batch_size
        )
        self._model: Any = (
            require("model2vec", "model2vec").StaticModel.from_pretrained(model)
            if isinstance(model, str)
            else model
        )

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return int(self._model.dim)

    def _ingredients(self) -> Iterable[bytes]:
        model = self._model
        yield repr(bool(model.normalize)).encode()
        yield model.tokenizer.to_str().encode()
        for name in ("embedding", "weights", "token_mapping"):
            table = getattr(model, name, None)
            if table is not None:
                yield f"{name} {table.dtype} {table.shape}".encode()
                yield np.ascontiguousarray(table).tobytes()

    def _run(self, texts: list[str]) -> Any:
        return self._model.encode(texts, show_progress_bar=False)
