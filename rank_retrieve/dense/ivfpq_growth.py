"""Learning inverted lists, and putting rows into them: at first, later, and when segments merge.

Lists and words are learnt once, from a sample; rows that come later are coded by them, and rows
that go are taken out. They are learnt anew when segments merge into one that has much more rows
than they were learnt from. Everything is the same on any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from rank_retrieve.dense.crew import run_all
from rank_retrieve.dense.ivfpq_lists import Learnt, Lists, digest_of, packed_lists
from rank_retrieve.dense.kmeans import Centres, cluster, packed, products
from rank_retrieve.dense.opq import learn_rotation
from rank_retrieve.dense.pq import SAMPLE_PER_WORD, Coded, ProductQuantizer, crew_of
from rank_retrieve.dense.structures import MergedPart
from rank_retrieve.dense.vectors import VectorColumn, live_rows
from rank_retrieve.types import Float32s, Float64s, Int32s, Int64s, IVFPQOptions, Metric

Progress = Callable[[int, int], None]
"""progress(vectors read, vectors to be read); what it raises ends the work."""

LIST_ROWS = 8  # a list for fewer rows on average is not worth looking at
LISTS_PER_ROOT = 2.5  # lists for each sqrt(n), measured on 50,000 passages of 384 components
TRAINED_PER_LIST, TRAINED = 64, 32_768
OUTGROWN = 4.0  # so many times the rows that lists were learnt from need others
_ROTATED_ROWS = 16_384
_LEAST_BITS = 128  # of a code, where a vector has as many parts
_ROWS_AT_ONCE = 4_096


def lists_for(n: int, options: IVFPQOptions) -> int:
    """How many lists n rows get."""
    wanted = options.n_lists or round(LISTS_PER_ROOT * n**0.5)
    return max(1, min(wanted, n // LIST_ROWS))


def parts_for(dim: int, options: IVFPQOptions) -> int:
    """How many parts a vector is cut into; never more than it has components."""
    wanted = options.m or max(-(-dim // options.bits), _LEAST_BITS // options.bits)
    return min(wanted, dim, IVFPQOptions.MAX_PARTS)


def build_lists(
    column: VectorColumn,
    metric: Metric,
    options: IVFPQOptions,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Lists:
    """Lists of all rows of a column, learnt from them.

    threads: None for one a CPU; the lists do not depend on it. Raises InvalidArgument for less
        than one.
    """
    count = crew_of(threads)
    n_lists = lists_for(column.n, options)
    sample = _sample(column, metric, n_lists, options)
    work = len(sample) * options.steps
    told = _Told(progress, work + column.n)
    learnt = _learn(sample, column, metric, n_lists, options, count, told)
    told.tell(work)
    labels, coded, squares = _coded(learnt, column, _all_rows(column.n), count, told)
    return packed_lists(learnt, _spreads(squares, labels, n_lists), labels, coded, options.rescored)


def extend_lists(
    lists: Lists,
    column: VectorColumn,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Lists:
    """Lists of a column whose first `lists.n` rows are those of `lists`, which stay as they are."""
    old = np.arange(lists.n)
    return adopt_lists(lists, old, column, 0, threads=threads, progress=progress)


def adopt_lists(
    lists: Lists,
    kept: Int64s,
    column: VectorColumn,
    first: int,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Lists:
    """Lists of a column that holds the rows `kept` of older lists, among others.

    kept: ascending rows of `lists`; they are the rows from `first` on of `column`.
    """
    learnt, last = lists.learnt, first + len(kept)
    others = np.concatenate([np.arange(first), np.arange(last, column.n)])
    told = _Told(progress, len(others))
    more, added, squares = _coded(learnt, column, others, crew_of(threads), told)
    labels = np.empty(column.n, np.int32)
    labels[first:last], labels[others] = lists.labels()[kept], more
    coded = Coded.empty(column.n, learnt.quantizer.m)
    coded.put(slice(first, last), lists.coded()[kept])
    coded.put(others, added)
    # mean squares of those that were there, and of those that come
    rows = lists.lengths + np.bincount(more, minlength=lists.n_lists)
    sums = lists.spreads.astype(np.float64) ** 2 * lists.lengths
    sums += np.bincount(more, weights=squares, minlength=lists.n_lists)
    spreads = np.sqrt(sums / np.maximum(rows, 1)).astype(np.float32)
    return packed_lists(learnt, spreads, labels, coded, lists.rescored)


def shrink_lists(lists: Lists, kept: Int64s) -> Lists:
    """Lists of the rows `kept`, ascending, which are numbered anew from 0."""
    rest = lists.coded()[kept]
    return packed_lists(lists.learnt, lists.spreads, lists.labels()[kept], rest, lists.rescored)


def merge_lists(
    column: VectorColumn,
    parts: Sequence[MergedPart],
    metric: Metric,
    options: IVFPQOptions,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Lists:
    """The lists of a merge: those of the part that keeps most rows, and learnt with these options,
    take in the rows of the others; where they are outgrown, everything is learnt anew.

    column: the live rows of all parts, one part after the other.
    """
    first, best = 0, None
    digest = digest_of(options)
    for part in parts:
        if part.column is None:
            continue
        kept = live_rows(part.column, part.live)
        lists = part.structure
        if (
            isinstance(lists, Lists)
            and (lists.metric, lists.learnt.digest) == (metric, digest)
            and column.n <= OUTGROWN * lists.learnt.trained
            and (best is None or len(kept) > len(best[1]))
        ):
            best = (lists, kept, first)
        first += len(kept)
    if best is None:
        return build_lists(column, metric, options, threads=threads, progress=progress)
    lists, kept, first = best
    return adopt_lists(lists, kept, column, first, threads=threads, progress=progress)


# --------------------------------------------------------------------------- learning


class _Told:
    """Tells how much is done, step by step."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total = progress, total

    def tell(self, done: int) -> None:
        if self._progress is not None and self._total:
            self._progress(min(done, self._total), self._total)

    def behind(self, done: int) -> int:
        return self._total - done


def _sample(column: VectorColumn, metric: Metric, n_lists: int, options: IVFPQOptions) -> Int64s:
    """Rows that are learnt from, ascending."""
    wanted = options.training or max(TRAINED, TRAINED_PER_LIST * n_lists)
    wanted = max(wanted, n_lists)
    if wanted >= column.n:
        return _all_rows(column.n)
    return np.sort(np.random.default_rng(options.seed).permutation(column.n)[:wanted])


def _learn(
    sample: Int64s,
    column: VectorColumn,
    metric: Metric,
    n_lists: int,
    options: IVFPQOptions,
    threads: int,
    told: _Told,
) -> Learnt:
    m = parts_for(column.dim, options)
    width = m * -(-column.dim // m)
    plain = Learnt(
        metric,
        column.dim,
        Centres(np.zeros((n_lists, width), np.float32)),
        ProductQuantizer(np.zeros((m, width // m, 1 << options.bits), np.float32)),
        None,
        column.n,
        digest_of(options),
    )
    if not len(sample):
        return plain
    rows = _turned(plain, column, sample)

    def progress(done: int, _: int) -> None:
        told.tell(done * len(sample))

    found = cluster(
        rows, n_lists, steps=options.steps, seed=options.seed, threads=threads, progress=progress
    )
    centres, labels = found.centres.rows, found.labels
    rng = np.random.default_rng(options.seed + 1)
    rotation = None
    if options.rotation == "opq":
        some = np.sort(rng.permutation(len(rows))[:_ROTATED_ROWS])
        residuals = rows[some] - centres[labels[some]]
        whole = learn_rotation(residuals, m, options.bits, seed=options.seed, threads=threads)
        rotation = np.ascontiguousarray(whole[: column.dim])
        columns = packed(np.ascontiguousarray(whole.T))[0]
        centres = np.ascontiguousarray(products(centres, columns)[:, :width])
        rows = np.ascontiguousarray(products(rows, columns)[:, :width])
    some = np.sort(rng.permutation(len(rows))[: SAMPLE_PER_WORD << options.bits])
    quantizer = ProductQuantizer.learn(
        np.ascontiguousarray(rows[some]), centres, np.ascontiguousarray(labels[some]), m,
        options.bits, seed=options.seed, threads=threads,
    )  # fmt: skip
    return Learnt(metric, column.dim, Centres(centres), quantizer, rotation, column.n, plain.digest)


def _turned(learnt: Learnt, column: VectorColumn, rows: Int64s) -> Float32s:
    result = np.empty((len(rows), learnt.width), np.float32)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        vectors = np.asarray(column.vectors[some], np.float32)
        result[start : start + len(some)] = learnt.turned(vectors, column.norms[some])
    return result


# --------------------------------------------------------------------------- coding


def _coded(
    learnt: Learnt, column: VectorColumn, rows: Int64s, threads: int, told: _Told
) -> tuple[Int32s, Coded, Float64s]:
    """Lists and codes of some rows, and their squared distances to the centres."""
    n = len(rows)
    labels, squares = np.empty(n, np.int32), np.empty(n)
    coded = Coded.empty(n, learnt.quantizer.m)
    _ = learnt.centres.packed, learnt.quantizer.halves, learnt.turning  # once, not by each thread

    def one(start: int) -> None:
        part = slice(start, min(start + _ROWS_AT_ONCE, n))
        turned = _turned(learnt, column, rows[part])
        labels[part], values = learnt.centres.nearest(turned)
        own = np.einsum("ij,ij->i", turned, turned, dtype=np.float64)
        squares[part] = np.maximum(own + 2.0 * values, 0.0)
        learnt.quantizer.encode(
            turned, learnt.centres.rows, labels[part], learnt.metric, coded[part]
        )

    before, wave = told.behind(n), _ROWS_AT_ONCE * 2 * threads
    for start in range(0, n, wave):
        last = min(start + wave, n)
        run_all([partial(one, at) for at in range(start, last, _ROWS_AT_ONCE)], threads)
        told.tell(before + last)
    return labels, coded, squares


def _spreads(squares: Float64s, labels: Int32s, n_lists: int) -> Float32s:
    sums = np.bincount(labels, weights=squares, minlength=n_lists)
    counts = np.bincount(labels, minlength=n_lists)
    result: Float32s = np.sqrt(sums / np.maximum(counts, 1)).astype(np.float32)
    return result


def _all_rows(n: int) -> Int64s:
    return np.arange(n, dtype=np.int64)
