"""Any function from texts to vectors as an encoder: a model in memory, a service."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rank_retrieve.encoders.rows import as_rows, check_dim
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float32s


class CallableEncoder:
    """Encodes by calling a function, which a collection cannot store: pass it again to open.

    function: takes a list of strings, returns real numbers [len(texts), dim].
    dim: components of each vector, 1..65,536.
    name: stands for the model in the fingerprint. Change it whenever the function would give
        other vectors, so that vectors of two models are never compared.
    query_function: for queries, where the model treats them differently.

    >>> lengths = CallableEncoder(lambda texts: [[len(text), 1] for text in texts], 2, "lengths")
    >>> lengths.encode_queries(["abc"]).tolist()
    [[3.0, 1.0]]
    """

    def __init__(
        self,
        function: Callable[[list[str]], Any],
        dim: int,
        name: str,
        *,
        query_function: Callable[[list[str]], Any] | None = None,
    ) -> None:
        for argument, value in (("function", function), ("query_function", query_function)):
            if not callable(value) and not (argument == "query_function" and value is None):
                raise InvalidArgument(argument, value, "must be callable")
        dim = check_dim(dim)
        if not isinstance(name, str) or not name:
            raise InvalidArgument("name", name, "must be a string that stands for the model")
        self._function, self._query_function = function, query_function or function
        self._dim, self.name = dim, name

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self._dim

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of name and dim."""
        text = f"callable {self._dim} {self.name}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    def encode_documents(self, texts: Sequence[str]) -> Float32s:
        """float32 [len(texts), dim]. Raises InvalidArgument for what is not that; see `dim`."""
        return self._encode(self._function, texts)

    def encode_queries(self, texts: Sequence[str]) -> Float32s:
        """float32 [len(texts), dim]. Raises InvalidArgument for what is not that; see `dim`."""
        return self._encode(self._query_function, texts)

    def _encode(self, function: Callable[[list[str]], Any], texts: Sequence[str]) -> Float32s:
        if not len(texts):
            return np.empty((0, self._dim), dtype=np.float32)
        return as_rows(function(list(texts)), len(texts), self._dim, self.name)

    def __repr__(self) -> str:
        return f"CallableEncoder({self.name!r}, dim={self._dim})"
