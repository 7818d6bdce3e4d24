"""Models behind an HTTP endpoint of the OpenAI form: a service in the house, or one on the net.

request   POST {url}/embeddings   {"model": ..., "input": [text, ...]}
response  {"data": [{"index": 0, "embedding": [number, ...]}, ...]}
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from rank_retrieve._extras import require
from rank_retrieve.encoders.model import ModelEncoder
from rank_retrieve.encoders.rows import check_dim
from rank_retrieve.errors import EncodingFailed, InvalidArgument

if TYPE_CHECKING:
    import httpx

# too many requests, and what servers and proxies say when they are not up to it just now
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
SHOWN_CHARACTERS = 200


class HTTPEncoder(ModelEncoder):
    """Encodes through an OpenAI-compatible `/embeddings` endpoint (OpenAI, Ollama, vLLM, TEI...).

    url: of the API, such as "http://localhost:11434/v1".
    model: the name that the service knows.
    dim: components of each vector; asked of the service at first need where it is not given.
    api_key: sent as a bearer token; never shown by `repr` or in errors.
    document_prompt, query_prompt: put before each text.
    batch_size: texts a request.
    timeout_s: of one request, in seconds.
    max_retries: how often a request that failed for the moment is sent again, after waits that
        double from half a second (or as long as the service asks for), 30 seconds at most.
    client: an `httpx.Client` of your own, for proxies or certificates.
    sleep: waits for a number of seconds; tests pass their own.

    Wrap it in `CachedEncoder` to pay for no text twice. Raises MissingExtra without httpx;
    encoding raises EncodingFailed when the service refuses, stays away, or answers nonsense.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        dim: int | None = None,
        api_key: str | None = None,
        document_prompt: str = "",
        query_prompt: str = "",
        batch_size: int = 64,
        timeout_s: float = 30.0,
        max_retries: int = 4,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(
            model, document_prompt=document_prompt, query_prompt=query_prompt, batch_size=batch_size
        )
        if not url.startswith(("http://", "https://")):
            raise InvalidArgument("url", url, "must begin with http:// or https://")
        if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
            raise InvalidArgument("max_retries", max_retries, "must be an integer of at least 0")
        if not timeout_s > 0:
            raise InvalidArgument("timeout_s", timeout_s, "must be above 0")
        self._httpx = require("httpx", "http")
        self._endpoint = f"{url.rstrip('/')}/embeddings"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = client or self._httpx.Client()
        self._timeout_s, self._max_retries, self._sleep = timeout_s, max_retries, sleep
        self._dim = None if dim is None else check_dim(dim)

    @property
    def dim(self) -> int:
        """Components of each vector. Raises EncodingFailed where the service has to tell."""
        if self._dim is None:
            self._dim = check_dim(len(self._run(["word"])[0]))
        return self._dim

    def _ingredients(self) -> Iterable[bytes]:
        # the same model is the same wherever it is served
        yield f"{self.name} {self.dim}".encode()

    def _run(self, texts: list[str]) -> Any:
        return _rows_in(self._answer(texts), len(texts), self.name)

    def _answer(self, texts: list[str]) -> Any:
        """The parsed response to one batch."""
        reason = ""
        for attempt in range(self._max_retries + 1):
            wait_s = min(FIRST_WAIT_S * 2**attempt, LONGEST_WAIT_S)
            try:
                response = self._client.post(
                    self._endpoint,
                    json={"model": self.name, "input": texts},
                    headers=self._headers,
                    timeout=self._timeout_s,
                )
            except self._httpx.TransportError as error:
                reason = f"{self._endpoint} was not reached: {error}"
            else:
                if response.status_code == 200:
                    return _parsed(response, self.name)
                said = response.text[:SHOWN_CHARACTERS]
                reason = f"{self._endpoint} answered {response.status_code}: {said}"
                if response.status_code not in RETRIED_STATUSES:
                    raise EncodingFailed(self.name, reason, "mend the request, then encode again")
                wait_s = _asked_wait_s(response.headers.get("retry-after"), wait_s)
            if attempt < self._max_retries:
                self._sleep(wait_s)
        raise EncodingFailed(
            self.name, f"{reason} (tried {self._max_retries + 1} times)", "encode again later"
        )


def _asked_wait_s(asked: str | None, otherwise_s: float) -> float:
    """Seconds of a Retry-After header; one with a date, or none, leaves the wait as it is."""
    if asked is None or not asked.strip().isdecimal():
        return otherwise_s
    return min(float(asked), LONGEST_WAIT_S)


def _parsed(response: httpx.Response, name: str) -> Any:
    try:
        return response.json()
    except ValueError as error:
        said = response.text[:SHOWN_CHARACTERS]
        raise EncodingFailed(name, f"the response is not JSON: {said!r}") from error


def _rows_in(answer: Any, n_texts: int, name: str) -> list[Any]:
    """The embeddings of a response in the order of the texts, whatever order they came in."""
    try:
        rows = {int(entry["index"]): entry["embedding"] for entry in answer["data"]}
        return [np.asarray(rows[number], dtype=np.float64) for number in range(n_texts)]
    except (KeyError, TypeError, ValueError) as error:
        raise EncodingFailed(
            name, f"the response does not hold {n_texts} embeddings: {error!r}"
        ) from error
