"""Texts to the sections of an index, in memory that is bounded.

    texts -> tokens, in memory -> a run: an inverted index in a scratch file -> one index of all

Where all tokens fit, there is no run and no file. Each run has a vocabulary of its own, which
goes with it; the merge holds the distinct terms, and of the postings a part at a time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from rank_retrieve.analysis import Analyzer, Vocabulary
from rank_retrieve.analysis.vocabulary import TokenRuns
from rank_retrieve.lexical.invert import ForwardIndex
from rank_retrieve.lexical.inverted_index import InvertedIndex, write_inverted_index
from rank_retrieve.lexical.merge import merge_inverted_indexes
from rank_retrieve.lexical.searcher import LexicalPart
from rank_retrieve.persistence import FSDirectory
from rank_retrieve.persistence.segment import SegmentReader, SegmentWriter
from rank_retrieve.types import MemorySections, Sections, SectionSink

TOKEN_BYTES = 32  # its number, its share of a posting, and what sorting and packing these takes
TERM_BYTES = 256  # in the vocabulary, raw and final
KIND = "run"


class TextIndex:
    """An index of one text field that is being made; to be used in a `with` block.

    memory_bytes: roughly, for tokens and vocabulary; more go to a file in a new folder in
        `scratch`, by default where the system keeps temporary files, which is gone at the end.
    n_texts: so far. n_runs: how many files.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        group: str,
        *,
        positions: bool = False,
        memory_bytes: int,
        scratch: str | os.PathLike[str] | None = None,
    ) -> None:
        self._analyzer, self._group, self._positions = analyzer, group, positions
        self._memory_bytes, self._scratch = memory_bytes, scratch
        self._folder: Path | None = None
        self.n_texts = self.n_runs = 0
        self._begin_run()

    def _begin_run(self) -> None:
        self._vocabulary = Vocabulary(self._analyzer)
        self._runs: list[TokenRuns] = []
        self._n_tokens = 0

    def add(self, texts: Sequence[str]) -> None:
        """Analyse texts, the next in order. Raises InvalidArgument as `Vocabulary.analyze`."""
        runs = self._vocabulary.analyze(texts, positions=self._positions, first=self.n_texts)
        self._runs.append(runs)
        self._n_tokens += len(runs.tokens)
        self.n_texts += len(texts)
        held = TOKEN_BYTES * self._n_tokens + TERM_BYTES * self._vocabulary.n_terms
        if held >= self._memory_bytes:
            self._end_run()

    def sections(self) -> Sections:
        """The index of all texts; to be called once, at the end."""
        if not self.n_runs:
            sections = MemorySections()
            self._write(sections)
            return sections
        if self._runs:
            self._end_run()
        directory = self._directory()
        runs = [
            SegmentReader.open(directory, f"{KIND}-{number}", kind=KIND)
            for number in range(self.n_runs)
        ]
        parts = [LexicalPart(InvertedIndex.open(run, self._group)) for run in runs]
        writer = SegmentWriter(directory, "index", kind=KIND)
        merge_inverted_indexes(writer, self._group, parts, memory_bytes=self._memory_bytes)
        # its file is mapped, and stays so when the folder is removed
        return SegmentReader.open(directory, "index", kind=KIND, expected=writer.finish())

    def _end_run(self) -> None:
        writer = SegmentWriter(self._directory(), f"{KIND}-{self.n_runs}", kind=KIND)
        self._write(writer)
        writer.finish()
        self.n_runs += 1
        self._begin_run()

    def _write(self, sink: SectionSink) -> None:
        write_inverted_index(
            sink, self._group, joined(self._runs, positions=self._positions),
            *self._vocabulary.arena(), [1], 1,
        )  # fmt: skip

    def _directory(self) -> FSDirectory:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="rank-retrieve-", dir=self._scratch))
        return FSDirectory(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def joined(runs: Sequence[TokenRuns], *, positions: bool) -> ForwardIndex:
    """The tokens of consecutive texts, of one vocabulary, end to end."""
    none = np.empty(0, dtype=np.int32)
    offsets = np.zeros(sum(map(len, runs)) + 1, dtype=np.int64)
    lengths = [np.diff(run.offsets) for run in runs]
    np.cumsum(np.concatenate([np.empty(0, dtype=np.int64), *lengths]), out=offsets[1:])
    places = [run.positions for run in runs if run.positions is not None]
    return ForwardIndex(
        np.concatenate([none, *(run.tokens for run in runs)]),
        offsets,
        positions=np.concatenate([none, *places]) if positions else None,
    )
