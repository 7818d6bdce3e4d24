"""Models of the sentence-transformers library, run on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rank_retrieve._extras import require
from rank_retrieve.encoders.model import ModelEncoder
from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceTransformerEncoder(ModelEncoder):
    """Encodes with a sentence-transformers model (Reimers & Gurevych, 2019, arXiv 1908.10084).

    model: a loaded `SentenceTransformer`, or the path or name that loads one.
    normalize: scale vectors to length 1.
    document_prompt, query_prompt: put before texts; by default what the model's configuration
        names "document" or "passage", and "query"; nothing where it names none.
    batch_size: texts that the model is given at once.
    Raises MissingExtra without sentence-transformers, InvalidArgument for a model of no dimension.
    """

    def __init__(
        self,
        model: str | SentenceTransformer,
        *,
        normalize: bool = False,
        document_prompt: str | None = None,
        query_prompt: str | None = None,
        batch_size: int = 32,
    ) -> None:
        name = model if isinstance(model, str) else type(model).__name__
        self._model: Any = (
            require("sentence_transformers", "sentence-transformers").SentenceTransformer(model)
            if isinstance(model, str)
            else model
        )
        prompts: dict[str, str] = getattr(self._model, "prompts", None) or {}
        if document_prompt is None:
            document_prompt = prompts.get("document") or prompts.get("passage") or ""
        if query_prompt is None:
            query_prompt = prompts.get("query") or ""
        super().__init__(
            name, document_prompt=document_prompt, query_prompt=query_prompt, batch_size=batch_size
        )
        self.normalize = normalize
        # renamed in version 6
        tell = getattr(self._model, "get_embedding_dimension", None)
        dim = (tell or self._model.get_sentence_embedding_dimension)()
        if not isinstance(dim, int):
            raise InvalidArgument("model", name, "does not tell the dimension of its vectors")
        self._dim = dim

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self._dim

    def _ingredients(self) -> Iterable[bytes]:
        yield repr((self.normalize, getattr(self._model, "max_seq_length", None))).encode()
        yield from _weights(self._model)

    def _run(self, texts: list[str]) -> Any:
        # the prompts are in the texts already, so the model must not add its default one
        return self._model.encode(
            texts,
            batch_size=self.batch_size,
            prompt="",
            normalize_embeddings=self.normalize,
            convert_to_numpy=True,
            show_progress_bar=False,
        )


def _weights(model: Any) -> Iterator[bytes]:
    """Names and bytes of all parameters."""
    import numpy as np

    torch = require("torch", "sentence-transformers")
    for name, tensor in sorted(model.state_dict().items()):
        yield name.encode()
        # NumPy knows no bfloat16, and every type can be seen as bytes
        yield np.ascontiguousarray(
            tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        ).tobytes()
