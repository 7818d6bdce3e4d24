"""Working memory of searches: one set of arrays per thread, kept from query to query."""

from __future__ import annotations

import threading
from functools import cached_property

import numpy as np

from rank_retrieve.lexical._adding_kernels import GROUP_DOCS
from rank_retrieve.lexical._arrays import Work
from rank_retrieve.lexical._cursor_kernels import CURSOR_COLUMNS
from rank_retrieve.lexical._window_kernels import MAX_WINDOW_DOCS
from rank_retrieve.lexical.postings import BLOCK_DOCS

# scratch for longer queries is not kept: 3.3 KB a term
KEPT_TERMS = 1024


class Scratch:
    """Room for n_terms lists of n_blocks full blocks in all, and one window of scores.

    cursors: int64 [n_terms + 1, CURSOR_COLUMNS]; a block and a tail for each list; candidates
    and accumulators for the docs of a window.
    """

    def __init__(self, n_terms: int, n_blocks: int) -> None:
        self.n_terms, self.n_blocks = n_terms, n_blocks
        self.cursors = np.zeros((n_terms + 1, CURSOR_COLUMNS), dtype=np.int64)
        self.docs = np.zeros(2 * n_terms * BLOCK_DOCS, dtype=np.uint32)
        self.frequencies = np.zeros(2 * n_terms * BLOCK_DOCS, dtype=np.uint32)

    @cached_property
    def work(self) -> Work:
        """All of it, for kernels."""
        groups = np.zeros(MAX_WINDOW_DOCS // GROUP_DOCS, dtype=np.uint8)
        # before each list stands one more place, and its tail counts as a block
        n_places = self.n_blocks + 2 * self.n_terms + 1
        return Work(
            cursors=self.cursors,
            docs=self.docs,
            frequencies=self.frequencies,
            impacts=np.zeros(2 * self.n_terms * BLOCK_DOCS, dtype=np.int32),
            block_ends=np.zeros(n_places, dtype=np.int32),
            block_scores=np.zeros(n_places, dtype=np.int32),
            accumulators=np.zeros(MAX_WINDOW_DOCS, dtype=np.int32),
            touched=groups,
            touched_words=groups.view(np.uint64),
            candidates=np.zeros(MAX_WINDOW_DOCS, dtype=np.int64),
            found=np.zeros(MAX_WINDOW_DOCS, dtype=np.int32),
            # a block may be noted behind the last doc, and a group of no docs behind that
            slots=np.zeros(MAX_WINDOW_DOCS + 2 * BLOCK_DOCS, dtype=np.uint32),
            held=np.zeros(MAX_WINDOW_DOCS, dtype=np.uint32),
        )


_threads = threading.local()


def thread_scratch(n_terms: int, n_blocks: int = 0) -> Scratch:
    """This thread's scratch, with room for at least n_terms lists of n_blocks full blocks."""
    if n_terms > KEPT_TERMS:
        return Scratch(n_terms, n_blocks)
    scratch: Scratch | None = getattr(_threads, "scratch", None)
    if scratch is None or scratch.n_terms < n_terms or scratch.n_blocks < n_blocks:
        if scratch is None:
            scratch = Scratch(max(n_terms, 16), max(n_blocks, 1024))
        else:
            scratch = Scratch(max(n_terms, scratch.n_terms), max(2 * n_blocks, scratch.n_blocks))
        _threads.scratch = scratch
    return scratch


def discard_scratch() -> None:
    """Forget this thread's scratch: a kernel stopped half-way and left scores in it."""
    _threads.scratch = None
