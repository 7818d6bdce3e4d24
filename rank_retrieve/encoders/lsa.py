"""Latent semantic analysis: vectors learnt from the collection's own words, nothing downloaded.

Deerwester, Dumais, Furnas, Landauer & Harshman, JASIS 41 (1990). The matrix A of documents by
terms holds (1 + ln tf) * ln((N + 1) / df); its leading right singular vectors V (`svd`) are kept,
and any text, old or new, is folded in as the row of its weights times V, scaled to length 1.

    section          type           content
    lsa              JSON           version, options, analyzer's fingerprint, n_documents, rank
    lsa.offsets      i64[n + 1]     where each term starts in lsa.terms; terms ascend
    lsa.terms        u8[]           the terms end to end
    lsa.weights      f32[n]         ln((N + 1) / df)
    lsa.projection   f32[n, dim]    V; columns from `rank` on are zeros
    lsa.strengths    f32[dim]       singular values; zeros from `rank` on
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.analysis import Vocabulary, get_analyzer
from rank_retrieve.encoders.training import LSAModel, LSAOptions, train
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.types import Float32s, Int32s, Int64s, Sections, SectionSink

VERSION = 1
_TEXTS_AT_ONCE = 1024
# below this many characters the query path of the analyzer is quicker than a vocabulary
_FEW_CHARACTERS = 2000
_Counted = tuple[Int64s, Int32s, Int32s]


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    options: LSAOptions
    analyzer_fingerprint: str
    n_documents: int
    n_terms: int
    rank: int


class LSAEncoder:
    """Learns a vector space from texts, then encodes any text of that language in it.

    dim: components of a vector, 1..4,096. A corpus of lower rank fills only the first `rank`
        of them, the others are zeros.
    analyzer: a name known to `rank_retrieve.analysis`.
    seed: of the random projection. The same texts, options and seed give the same encoder on
        the same machine.
    min_df: terms in fewer documents are left out; None means 2, or 1 for corpora of fewer than
        1,000 documents.
    max_terms: the terms in most documents are kept.
    max_documents: of more texts a random sample of this size is learnt from.

    >>> encoder = LSAEncoder(dim=2, analyzer="simple").fit(["red apple", "red car", "blue car"])
    >>> encoder.encode_queries(["unheard of"]).tolist()
    [[0.0, 0.0]]
    """

    def __init__(
        self,
        dim: int = 128,
        analyzer: str = "english",
        seed: int = 0,
        *,
        min_df: int | None = None,
        max_terms: int = 50_000,
        max_documents: int = 50_000,
    ) -> None:
        self._options = LSAOptions(dim, analyzer, seed, min_df, max_terms, max_documents)
        self._model: LSAModel | None = None
        self._analyzer = get_analyzer(analyzer)

    # ----------------------------------------------------------------- what it is

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self._options.dim

    @property
    def options(self) -> dict[str, Any]:
        """The arguments that make an untrained encoder like this one."""
        return msgspec.structs.asdict(self._options)

    @property
    def fitted(self) -> bool:
        """Whether it can encode."""
        return self._model is not None

    @property
    def rank(self) -> int:
        """Components that the corpus could fill."""
        return self._fitted().rank

    @property
    def n_terms(self) -> int:
        """Terms that it knows."""
        return len(self._fitted().terms)

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits: of everything stored, and of options and analyzer before."""
        if self._model is None:
            parts: Sequence[Any] = [msgspec.json.encode(self._options)]
            return _digest([self._analyzer.fingerprint.encode(), *parts])
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return _digest([buffer for _, buffer in self._stored()])

    # ----------------------------------------------------------------- learning

    def fit(
        self, texts: Sequence[str], *, progress: Callable[[int, int], None] | None = None
    ) -> LSAEncoder:
        """Learn from texts; once. Returns itself.

        progress: called as progress(done, total), in steps of work.
        Raises InvalidArgument for texts without any term, and for what is not text.
        """
        if self._model is not None:
            raise InvalidArgument(
                "encoder", "fitted", "has learnt already", "make a new one: its vectors differ"
            )
        self._model = train(texts, self._options, self._analyzer, progress)
        return self

    def _fitted(self) -> LSAModel:
        if self._model is None:
            raise InvalidArgument(
                "encoder", "unfitted", "has learnt nothing yet", "call fit(texts) first"
            )
        return self._model

    # ----------------------------------------------------------------- encoding

    def encode_documents(self, texts: Sequence[str]) -> Float32s:
        """Unit vectors, float32 [len(texts), dim]; zeros for a text without a known term.

        A text has the same vector to the bit alone and among others, as a document and as a
        query. Raises InvalidArgument before `fit` and for what is not text.
        """
        from rank_retrieve.encoders._lsa_kernels import fold_in

        model = self._fitted()
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        if len(texts) <= _TEXTS_AT_ONCE and sum(map(len, texts)) < _FEW_CHARACTERS:
            fold_in(*self._count_few(texts), model.weights, model.projection, vectors)
            return vectors
        vocabulary = Vocabulary(self._analyzer)
        rows: list[int] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            chunk = texts[start : start + _TEXTS_AT_ONCE]
            counted = self._count_many(vocabulary, rows, chunk)
            place = vectors[start : start + len(chunk)]
            fold_in(*counted, model.weights, model.projection, place)
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> Float32s:
        """The same as `encode_documents`."""
        return self.encode_documents(texts)

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        return {term: row for row, term in enumerate(self._fitted().terms)}

    def _count_few(self, texts: Sequence[str]) -> _Counted:
        known, offsets = self._rows, [0]
        terms: list[int] = []
        counts: list[int] = []
        for text in texts:
            found = Counter(known[t] for t in self._analyzer.terms(text) if t in known)
            for term in sorted(found):
                terms.append(term)
                counts.append(found[term])
            offsets.append(len(terms))
        return (
            np.array(offsets, dtype=np.int64),
            np.array(terms, dtype=np.int32),
            np.array(counts, dtype=np.int32),
        )

    def _count_many(
        self, vocabulary: Vocabulary, rows: list[int], texts: Sequence[str]
    ) -> _Counted:
        """rows: the row of each term of the vocabulary or -1, extended by the new terms."""
        runs = vocabulary.analyze(texts)
        known = self._rows
        new_terms = itertools.islice(vocabulary.terms(), len(rows), None)
        rows.extend(known.get(term, -1) for term in new_terms)
        found = np.array(rows, dtype=np.int64)[runs.tokens]
        of_text = np.repeat(np.arange(len(texts)), np.diff(runs.offsets))
        keys, counts = np.unique(
            of_text[found >= 0] * len(known) + found[found >= 0], return_counts=True
        )
        offsets = np.searchsorted(keys, np.arange(len(texts) + 1) * len(known)).astype(np.int64)
        return offsets, (keys % len(known)).astype(np.int32), counts.astype(np.int32)

    # ----------------------------------------------------------------- storing

    def write(self, sink: SectionSink) -> None:
        """Store what was learnt. Raises InvalidArgument before `fit`."""
        for name, buffer in self._stored():
            sink.add(name, buffer)

    def _stored(self) -> list[tuple[str, Any]]:
        model = self._fitted()
        description = _Description(
            VERSION,
            self._options,
            self._analyzer.fingerprint,
            model.n_documents,
            len(model.terms),
            model.rank,
        )
        offsets = np.zeros(len(model.terms) + 1, dtype="<i8")
        np.cumsum([len(term) for term in model.terms], out=offsets[1:])
        return [
            ("lsa", msgspec.json.encode(description)),
            ("lsa.offsets", offsets),
            ("lsa.terms", b"".join(model.terms)),
            ("lsa.weights", model.weights),
            ("lsa.projection", model.projection),
            ("lsa.strengths", model.strengths),
        ]

    @classmethod
    def open(cls, sections: Sections) -> LSAEncoder:
        """The encoder that was stored, to the bit, sharing the sections' memory.

        Raises CorruptionError, and FormatVersionError when its analyzer would cut texts
        otherwise today.
        """
        description = _read_description(sections)
        options = description.options
        try:
            encoder = cls(**msgspec.structs.asdict(options))
        except InvalidArgument as error:
            raise CorruptionError(sections.origin, 0, "options of an LSA", str(error)) from None
        analyzer = encoder._analyzer
        if analyzer.fingerprint != description.analyzer_fingerprint:
            raise FormatVersionError(
                sections.origin,
                f"analyzer {analyzer.name!r} with {description.analyzer_fingerprint}",
                f"the one with fingerprint {analyzer.fingerprint}: fit a new encoder",
            )
        n, dim = description.n_terms, options.dim
        if not 0 <= description.rank <= dim or not 0 <= n <= options.max_terms:
            raise CorruptionError(sections.origin, 0, "an LSA within its options", repr(n))
        encoder._model = LSAModel(
            terms=_read_terms(sections, n),
            weights=_read_floats(sections, "lsa.weights", n),
            projection=_read_floats(sections, "lsa.projection", n * dim).reshape(n, dim),
            strengths=_read_floats(sections, "lsa.strengths", dim),
            rank=description.rank,
            n_documents=description.n_documents,
        )
        return encoder

    def __repr__(self) -> str:
        state = "unfitted" if self._model is None else f"{self.n_terms} terms, rank {self.rank}"
        return f"LSAEncoder(dim={self.dim}, analyzer={self._options.analyzer!r}, {state})"


def _digest(buffers: Sequence[Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for buffer in buffers:
        view = memoryview(buffer)
        digest.update(view.nbytes.to_bytes(8, "little"))
        digest.update(view)
    return digest.hexdigest()


def _read_description(sections: Sections) -> _Description:
    view = sections.section("lsa")
    try:
        version = msgspec.json.decode(view, type=dict[str, Any])["version"]
        if version != VERSION:
            raise FormatVersionError(sections.origin, f"lsa version {version!r}", f"{VERSION}")
        return msgspec.json.decode(view, type=_Description)
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError) as error:
        raise CorruptionError(sections.origin, 0, "a description in JSON", str(error)) from None


def _read_terms(sections: Sections, n: int) -> list[bytes]:
    view, text = sections.section("lsa.offsets"), bytes(sections.section("lsa.terms"))
    if len(view) != 8 * (n + 1):
        raise CorruptionError(sections.origin, 0, f"{n + 1} term offsets", f"{len(view)} bytes")
    offsets = np.frombuffer(view, dtype="<i8")
    if offsets[0] != 0 or offsets[-1] != len(text) or (np.diff(offsets) < 0).any():
        raise CorruptionError(sections.origin, 0, "ascending term offsets", "others")
    places = offsets.tolist()
    terms = [text[start:end] for start, end in itertools.pairwise(places)]
    if any(left >= right for left, right in itertools.pairwise(terms)):
        raise CorruptionError(sections.origin, 0, "ascending terms", "others")
    return terms


def _read_floats(sections: Sections, name: str, count: int) -> NDArray[Any]:
    view = sections.section(name)
    if len(view) != 4 * count:
        place = f"{sections.origin} ({name})"
        raise CorruptionError(place, 0, f"{4 * count} bytes", f"{len(view)} bytes")
    floats = np.frombuffer(view, dtype="<f4")
    if not np.isfinite(floats).all():
        raise CorruptionError(f"{sections.origin} ({name})", 0, "finite numbers", "others")
    return floats
