"""tantivy, Lucene's relative in Rust, as a lexical retriever.

Texts are cut by our own analyzer and handed over as terms, so that tantivy and `rr.BM25` index
the same; tantivy scores with BM25, k1 = 1.2 and b = 0.75, in float32 and with lengths of one byte.

Saved is one segment file, `tantivy.segment`: section `tantivy` is JSON, then the ids and each file
of tantivy's index (`file.<name>`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve._extras import require
from rank_retrieve.analysis import Analyzer, get_analyzer
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.persistence.ids import IdKind, Ids
from rank_retrieve.persistence.standalone import open_retriever, save_retriever
from rank_retrieve.types import Bitmap, Explanation, Hits, Query, SectionSink

if TYPE_CHECKING:
    from rank_retrieve.persistence.directory import Directory

EXTRA = "tantivy"
VERSION = 1
FILE = "file."
TERMS, POSITION = "terms", "position"
WRITER_BYTES = 50 << 20


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    analyzer: str
    fingerprint: str
    ids: IdKind
    n_docs: int
    files: list[str]


class Tantivy:
    """Lexical retrieval by the tantivy library, in memory or saved."""

    name: ClassVar[str] = "tantivy"

    def __init__(self, folder: Path, ids: Ids, analyzer: Analyzer) -> None:
        """folder: of tantivy's files, removed when the retriever is let go."""
        self._folder, self._ids, self.analyzer = folder, ids, analyzer
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._tantivy = require("tantivy", EXTRA)
        self._index = self._tantivy.Index.open(str(folder))
        self._searcher = self._index.searcher()

    # ----------------------------------------------------------------- making

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        ids: Sequence[Any] | NDArray[Any] | None = None,
        *,
        analyzer: str | Analyzer = "english",
    ) -> Tantivy:
        """Index texts in order, into one segment.

        ids: strings, or integers of 64 bits, without duplicates; positions by default.
        analyzer: a name known to `rank_retrieve.analysis`.
        Raises MissingExtra without tantivy, InvalidArgument for the arguments above.
        """
        if isinstance(texts, str):
            raise InvalidArgument("texts", texts, "must be a sequence of strings, not one string")
        tantivy = require("tantivy", EXTRA)
        chosen = get_analyzer(analyzer) if isinstance(analyzer, str) else analyzer
        given = list(texts)
        id_column = Ids.of(ids, len(given))
        folder = _new_folder()
        builder = tantivy.SchemaBuilder()
        builder.add_text_field(TERMS, tokenizer_name="whitespace", index_option="freq")
        builder.add_unsigned_field(POSITION, stored=True, fast=True)
        index = tantivy.Index(builder.build(), path=str(folder))
        writer = index.writer(WRITER_BYTES, 1)
        for position, text in enumerate(given):
            document = tantivy.Document()
            document.add_text(TERMS, _joined(chosen.terms(text)))
            document.add_unsigned(POSITION, position)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        return cls(folder, id_column, chosen)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | Directory) -> Tantivy:
        """Open a saved retriever; its files are laid out in a temporary folder for tantivy.

        Raises MissingExtra, and NotFound, CorruptionError, FormatVersionError as every reader.
        """
        require("tantivy", EXTRA)
        sections, description = open_retriever(path, cls.name, VERSION, _Description)
        analyzer = get_analyzer(description.analyzer)
        if analyzer.fingerprint != description.fingerprint:
            raise FormatVersionError(
                sections.origin,
                f"analyzer {description.analyzer!r} with fingerprint {description.fingerprint}",
                f"the one with fingerprint {analyzer.fingerprint}: index the texts again",
            )
        ids = Ids.open(sections, description.ids, description.n_docs)
        for name in description.files:
            if Path(name).name != name or name in ("", ".."):  # nothing outside the folder
                raise CorruptionError(sections.origin, 0, "plain names of files", repr(name))
        folder = _new_folder()
        for name in description.files:
            (folder / name).write_bytes(sections.section(FILE + name))
        return cls(folder, ids, analyzer)

    def save(self, path: str | os.PathLike[str] | Directory) -> None:
        """Write to a directory, made where absent; atomically replaces what was saved there."""
        files = sorted(
            entry.name
            for entry in self._folder.iterdir()
            if entry.is_file() and not entry.name.endswith(".lock")
        )
        description = _Description(
            VERSION, self.analyzer.name, self.analyzer.fingerprint, self._ids.kind, len(self), files
        )

        def write(sink: SectionSink) -> None:
            self._ids.write(sink)
            for name in files:
                sink.add(FILE + name, (self._folder / name).read_bytes())

        save_retriever(path, self.name, description, write)

    # ----------------------------------------------------------------- searching

    def search(self, query: str | Query, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """The k best texts that hold at least one of the query's terms.

        allowed: positions that may be returned; exactly min(k, matching and allowed) hits come
            back: tantivy is asked for more and more of its ranking until they are found.
        Raises InvalidArgument for k < 1, another kind of query, or a bitmap of another size.
        """
        text = query.text if isinstance(query, Query) else query
        if not isinstance(text, str):
            raise InvalidArgument("query", repr(query), "must be a string, or a Query with text")
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InvalidArgument("k", k, "must be an integer of at least 1")
        if allowed is not None and allowed.size != len(self):
            raise InvalidArgument("allowed", allowed.size, f"must have {len(self)} docs")
        if not len(self) or (allowed is not None and not len(allowed)):
            return Hits.empty(_PLAN)
        parsed = self._parsed(text)
        kept = self._kept(parsed, int(k), allowed)
        scores = np.array([score for score, _ in kept], dtype=np.float64)
        positions = np.array([position for _, position in kept], dtype=np.int64)
        return Hits(
            self._ids.take(positions),
            scores,
            explain=lambda hit: Explanation(float(scores[hit]), f"BM25 of {text!r}, by tantivy"),
            plan=_PLAN,
        )

    def _kept(self, parsed: Any, k: int, allowed: Bitmap | None) -> list[tuple[float, int]]:
        """(score, position) of the k best that are allowed, equal scores in order of insertion."""
        limit = min(k + 1, len(self))
        while True:
            ranked = self._ranked(parsed, limit)
            kept = [hit for hit in ranked if allowed is None or hit[1] in allowed]
            kept.sort(key=lambda hit: (-hit[0], hit[1]))
            # beyond a tie at the end there may be documents that were inserted before
            complete = len(kept) >= k and ranked[-1][0] < kept[k - 1][0]
            if complete or len(ranked) < limit or limit == len(self):
                return kept[:k]
            limit = min(4 * limit, len(self))

    def _parsed(self, text: str) -> Any:
        """An OR of the terms, each as often as it stands in the text."""
        tantivy = self._tantivy
        return tantivy.Query.boolean_query([
            (tantivy.Occur.Should, tantivy.Query.term_query(self._index.schema, TERMS, term))
            for term in _joined(self.analyzer.terms(text)).split()
        ])  # fmt: skip

    def _ranked(self, parsed: Any, limit: int) -> list[tuple[float, int]]:
        """(score, position) of the best by tantivy's own order."""
        found = self._searcher.search(parsed, limit, count=False).hits
        return [
            (score, self._searcher.doc(address).get_first(POSITION)) for score, address in found
        ]

    def position(self, id: Any) -> int:  # noqa: A002
        """Where a document stands in order of insertion. Raises NotFound for an unknown id."""
        return self._ids.position(id)

    def __len__(self) -> int:
        return self._ids.n_docs

    def __repr__(self) -> str:
        return f"Tantivy({len(self)} documents, analyzer={self.analyzer.name!r})"


_PLAN = {"retriever": "tantivy", "strategy": "tantivy"}


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="rank-retrieve-tantivy-"))


def _joined(terms: Sequence[bytes]) -> str:
    return b" ".join(terms).decode("utf-8")
