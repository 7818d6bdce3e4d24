"""Small retrievers in plain NumPy, slow and obvious, to run contracts and fusion over."""

from __future__ import annotations

import numpy as np

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.types import Bitmap, Explanation, Hits, Query, Ranked


class Toy:
    """Scores every document by `score`; those that score None are no match."""

    def __init__(self, documents, ids=None):
        self.documents = list(documents)
        self.given = ids
        self.ids = np.arange(len(self.documents)) if ids is None else np.array(ids, dtype=object)

    def __len__(self):
        return len(self.documents)

    def position(self, id_):
        found = np.flatnonzero(self.ids == id_)
        if not len(found):
            raise NotFound("document", str(id_))
        return int(found[0])

    def search(self, query, k=10, *, allowed=None):
        wanted = self.part(query)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise InvalidArgument("k", k, "must be a whole number of at least 1")
        if allowed is not None and (not isinstance(allowed, Bitmap) or allowed.size != len(self)):
            raise InvalidArgument("allowed", allowed, f"must be a bitmap of {len(self)}")
        scored = [
            (doc, self.score(wanted, document))
            for doc, document in enumerate(self.documents)
            if allowed is None or doc in allowed
        ]
        kept = [(doc, score) for doc, score in scored if score is not None]
        ranked = Ranked.best(
            np.array([doc for doc, _ in kept], dtype=np.int64),
            np.array([score for _, score in kept], dtype=np.float64),
            k,
        )
        return Hits(
            self.ids[ranked.docs],
            ranked.scores,
            document=lambda position: {"toy": self.documents[int(ranked.docs[position])]},
            explain=lambda position: Explanation(
                float(ranked.scores[position]), f"{type(self).__name__} score"
            ),
        )


class Words(Toy):
    """How often the query's words occur."""

    def part(self, query):
        text = query.text if isinstance(query, Query) else query
        if not isinstance(text, str):
            raise InvalidArgument("query", query, "must be text")
        return text.split()

    def score(self, words, text):
        count = sum(text.split().count(word) for word in words)
        return float(count) if count else None


class Dots(Toy):
    """Dot products."""

    def part(self, query):
        vector = query.vector if isinstance(query, Query) else query
        if not isinstance(vector, np.ndarray | list | tuple):
            raise InvalidArgument("query", query, "must be a vector")
        return np.asarray(vector, dtype=np.float64)

    def score(self, vector, document):
        return float(np.asarray(document, dtype=np.float64) @ vector)
