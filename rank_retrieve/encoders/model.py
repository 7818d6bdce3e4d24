"""What encoders of ready-made models share: prompts, batches, checks, a fingerprint.

A subclass loads its model, names what the model is made of (`_ingredients`) and runs it on one
batch (`_run`).
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rank_retrieve.encoders.rows import as_rows
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float32s


class ModelEncoder(ABC):
    """An encoder whose model exists already; pass it again when you open the collection.

    name: of the model, for messages.
    document_prompt, query_prompt: put before each text, as models like E5 ask for
        ("passage: ", "query: ").
    batch_size: texts that the model is given at once.
    """

    def __init__(
        self, name: str, *, document_prompt: str, query_prompt: str, batch_size: int
    ) -> None:
        for argument, value in (
            ("document_prompt", document_prompt),
            ("query_prompt", query_prompt),
        ):
            if not isinstance(value, str):
                raise InvalidArgument(argument, value, "must be a string")
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidArgument("batch_size", batch_size, "must be an integer of at least 1")
        self.name, self.batch_size = name, batch_size
        self.document_prompt, self.query_prompt = document_prompt, query_prompt

    @property
    @abstractmethod
    def dim(self) -> int:
        """Components of each vector."""

    @abstractmethod
    def _ingredients(self) -> Iterable[bytes]:
        """All that the vectors depend on, but for the prompts."""

    @abstractmethod
    def _run(self, texts: list[str]) -> Any:
        """Real numbers [len(texts), dim] for one batch."""

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of the model, its settings and the prompts."""
        digest = hashlib.blake2b(digest_size=16)
        prompts = (self.document_prompt.encode(), self.query_prompt.encode())
        for part in (type(self).__name__.encode(), *prompts, *self._ingredients()):
            # lengths keep two lists of parts from running together into the same bytes
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.hexdigest()

    def encode_documents(self, texts: Sequence[str]) -> Float32s:
        """float32 [len(texts), dim]. Raises InvalidArgument for a model that returns others."""
        return self._encode(texts, self.document_prompt)

    def encode_queries(self, texts: Sequence[str]) -> Float32s:
        """float32 [len(texts), dim]. Raises InvalidArgument for a model that returns others."""
        return self._encode(texts, self.query_prompt)

    def _encode(self, texts: Sequence[str], prompt: str) -> Float32s:
        if isinstance(texts, str):
            raise InvalidArgument("texts", texts, "must be a sequence of strings, not one string")
        rows = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), self.batch_size):
            batch = [prompt + text for text in texts[start : start + self.batch_size]]
            rows[start : start + len(batch)] = as_rows(
                self._run(batch), len(batch), self.dim, self.name
            )
        return rows

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, dim={self.dim})"
