"""k-means: which centres are points nearest to, and where do centres lie best?

Lloyd's algorithm (IEEE Transactions on Information Theory 28, 1982) with products and argmin in
one pass over memory. The start is a random choice of points, or k-means++ (Arthur & Vassilvitskii,
SODA 2007) among a sample of them. A centre that no point is nearest to moves to that of the cluster
with the greatest sum of squared distances, and both a little apart, so that they divide it.

Points are summed in slices that do not depend on the number of threads, and slices are added in
order, so the centres are the same to the bit on any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Literal

import numpy as np

from rank_retrieve.dense.crew import run_all
from rank_retrieve.dense.searcher import check_threads
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float32s, Float64s, Int32s, Int64s

Start = Literal["random", "k-means++"]
Progress = Callable[[int, int], None]
"""progress(steps done, steps in all); what it raises ends the work."""

BLOCKS_AT_ONCE = 4  # packed blocks come in multiples of this
_SPLIT = 0.1  # how far apart two halves of a cluster start, in its root mean square distance
_MOST_SLICES = 16
_SLICE_POINTS = 2_048
_SLICE_BYTES = 1 << 26
_SAMPLED_FOR_START = 16  # points for each centre of k-means++


@dataclass(frozen=True, eq=False)
class Centres:
    """Centres of clusters, in rows and packed for `simd.tiles`.

    rows: float32 [k, dim], C-contiguous and finite.
    """

    rows: Float32s

    @property
    def k(self) -> int:
        """How many there are."""
        return len(self.rows)

    @cached_property
    def packed(self) -> tuple[Float32s, Float32s]:
        """Blocks of sixteen, float32 [n_blocks, dim, 16], and half the squares, [16 n_blocks]."""
        return packed(self.rows)

    def nearest(self, points: Float32s) -> tuple[Int32s, Float32s]:
        """The nearest centre of each point, and |c|^2 / 2 - x c for it.

        points: C-contiguous float32 [n, dim]. Of equally near centres the first. Returns
        int32 [n] and float32 [n].
        """
        labels = np.full(len(points), -1, np.int32)
        values = np.empty(len(points), np.float32)
        _assign(points, self, labels, values, _NO_SUMS)
        return labels, values


@dataclass(frozen=True, eq=False)
class Clustering:
    """What k-means found.

    labels: int32 [n], the centre of each point; objective: sum of squared distances to the
    centres, before their last move; steps: that were taken.
    """

    centres: Centres
    labels: Int32s
    objective: float
    steps: int


def packed(rows: Float32s) -> tuple[Float32s, Float32s]:
    """Rows in blocks of sixteen for `simd.tiles`, and half their squares; see `Centres.packed`."""
    from rank_retrieve.dense import _kmeans_kernels as kernels
    from rank_retrieve.simd.tiles import LANES

    k, dim = rows.shape
    step = BLOCKS_AT_ONCE * LANES
    n_blocks = BLOCKS_AT_ONCE * max(1, -(-k // step))
    blocks = _aligned(n_blocks, dim, LANES)
    halves = np.empty(LANES * n_blocks, np.float32)
    kernels.pack_centres(np.ascontiguousarray(rows), blocks, halves)
    return blocks, halves


def cluster(
    points: Float32s,
    k: int,
    *,
    steps: int = 10,
    seed: int = 0,
    start: Start = "random",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Clustering:
    """At most `steps` of Lloyd's algorithm; fewer when no point changes its centre any more.

    points: C-contiguous float32 [n, dim], finite, n >= k >= 1.
    threads: None for one a CPU; the result does not depend on it.
    Raises InvalidArgument.
    """
    n, dim = points.shape
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= n:
        raise InvalidArgument("k", k, f"must be an integer in 1..{n}, the number of points")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise InvalidArgument("steps", steps, "must be a positive integer")
    if start not in STARTS:
        raise InvalidArgument("start", start, f"must be one of {', '.join(STARTS)}")
    if threads is None:
        threads = len(os.sched_getaffinity(0))
    check_threads(threads)
    centres = Centres(STARTS[start](points, k, np.random.default_rng(seed)))
    squares = float(np.einsum("ij,ij->", points, points, dtype=np.float64))
    labels, values = np.full(n, -1, np.int32), np.empty(n, np.float32)
    slices = _slices(n, k, dim)
    sums = [_Sums.empty(k, dim) for _ in slices]
    done, objective = 0, 0.0
    for done in range(1, steps + 1):
        _ = centres.packed  # once, not by every thread
        calls = [
            partial(_assign, points[a:b], centres, labels[a:b], values[a:b], own)
            for (a, b), own in zip(slices, sums, strict=True)
        ]
        changed = sum(run_all(calls, threads))
        objective = squares + 2.0 * float(values.sum(dtype=np.float64))
        if not changed:
            break
        centres = Centres(_moved(centres.rows, sums, partial(_errors, points, labels, values, k)))
        if progress is not None:
            progress(done, steps)
    return Clustering(centres, labels, max(objective, 0.0), done)


def products(points: Float32s, blocks: Float32s) -> Float32s:
    """The products of points float32 [n, dim] with `packed` rows: float32 [n, 16 n_blocks]."""
    from rank_retrieve.dense import _kmeans_kernels as kernels
    from rank_retrieve.simd.tiles import LANES, TILE_POINTS

    n, tile = len(points), TILE_POINTS
    out = np.empty((-(-n // tile) * tile, LANES * len(blocks)), np.float32)
    kernels.multiply(points, blocks, np.empty(tile, np.int64), out)
    return out[:n]


# --------------------------------------------------------------------------- starts


def _random(points: Float32s, k: int, rng: np.random.Generator) -> Float32s:
    """Different points, each as likely as the others."""
    return np.ascontiguousarray(points[np.sort(rng.permutation(len(points))[:k])])


def _spread_out(points: Float32s, k: int, rng: np.random.Generator) -> Float32s:
    """k-means++: each next point as likely as its squared distance to those chosen is great."""
    from rank_retrieve.dense import _kmeans_kernels as kernels
    from rank_retrieve.simd.tiles import LANES

    some = points[np.sort(rng.permutation(len(points))[: _SAMPLED_FOR_START * k])]
    some = np.ascontiguousarray(some)
    blocks, halves = packed(some)
    distances: Float64s = np.full(len(some), np.inf)
    addresses, out = np.empty(1, np.int64), np.empty(4 * LANES, np.float32)
    chosen = [int(rng.integers(len(some)))]
    while len(chosen) < k:
        kernels.lower_distances(blocks, halves, some[chosen[-1]], addresses, out, distances)
        distances[chosen[-1]] = 0.0
        ends = np.cumsum(distances)
        if ends[-1] > 0:
            place = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
            chosen.append(min(place, len(some) - 1))
        else:
            # all points are copies of those chosen
            chosen.append(int(rng.integers(len(some))))
    return np.ascontiguousarray(some[chosen])


STARTS: dict[str, Callable[[Float32s, int, np.random.Generator], Float32s]] = {
    "random": _random,
    "k-means++": _spread_out,
}


# --------------------------------------------------------------------------- steps


@dataclass(eq=False)
class _Sums:
    """The points of one slice, summed by cluster."""

    sums: Float32s
    counts: Int64s

    @classmethod
    def empty(cls, k: int, dim: int) -> _Sums:
        return cls(np.zeros((k, dim), np.float32), np.zeros(k, np.int64))


_NO_SUMS = _Sums(np.empty((0, 0), np.float32), np.empty(0, np.int64))


def _slices(n: int, k: int, dim: int) -> list[tuple[int, int]]:
    """Ranges of points that are summed by themselves."""
    most = min(_MOST_SLICES, max(1, _SLICE_BYTES // (4 * k * dim)))
    count = max(1, min(most, n // max(_SLICE_POINTS, 4 * k)))
    edges = np.linspace(0, n, count + 1).astype(np.int64).tolist()
    return list(pairwise(edges))


def _assign(
    points: Float32s, centres: Centres, labels: Int32s, values: Float32s, sums: _Sums
) -> int:
    from rank_retrieve.dense import _kmeans_kernels as kernels
    from rank_retrieve.simd.tiles import LANES, TILE_POINTS

    blocks, halves = centres.packed
    sums.sums[:] = 0
    sums.counts[:] = 0
    changed: int = kernels.assign(
        points, blocks, halves, centres.k, labels, values, sums.sums, sums.counts,
        np.empty(TILE_POINTS, np.int64),
        np.empty((kernels.POINTS_AT_ONCE, LANES), np.float32),
        np.empty((kernels.POINTS_AT_ONCE, LANES), np.int32),
    )  # fmt: skip
    return changed


def _errors(points: Float32s, labels: Int32s, values: Float32s, k: int) -> Float64s:
    """The sum of squared distances of each cluster, float64 [k]."""
    squares: Float64s = np.einsum("ij,ij->i", points, points, dtype=np.float64)
    squares = squares + 2.0 * values
    sums = np.bincount(labels, weights=np.maximum(squares, 0.0), minlength=k)
    return sums.astype(np.float64, copy=False)


def _moved(rows: Float32s, slices: list[_Sums], errors_of: Callable[[], Float64s]) -> Float32s:
    """The means of clusters; where one has no points, half of the one with the greatest error."""
    sums, counts = slices[0].sums.copy(), slices[0].counts.copy()
    for more in slices[1:]:
        sums += more.sums
        counts += more.counts
    means = np.where(
        counts[:, np.newaxis] > 0, sums / np.maximum(counts, 1)[:, np.newaxis].astype("f4"), rows
    ).astype(np.float32)
    lonely = np.flatnonzero(counts == 0)
    if len(lonely):
        errors, dim = errors_of(), means.shape[1]
        signs = np.where(np.arange(dim) % 2, -1.0, 1.0).astype(np.float32)
        for number in lonely.tolist():
            worst = int(errors.argmax())
            step = _SPLIT * (errors[worst] / max(1, counts[worst]) / dim) ** 0.5
            means[number] = means[worst] + np.float32(step) * signs
            means[worst] -= np.float32(step) * signs
            # each is taken for half of what it was
            errors[number] = errors[worst] = errors[worst] / 2
            counts[number] = counts[worst] = max(1, counts[worst] // 2)
    return means


def _aligned(*shape: int) -> Float32s:
    """Zeros from a whole cache line on."""
    size = int(np.prod(shape, dtype=np.int64))
    block = np.zeros(size + 16, np.float32)
    start = -block.ctypes.data % 64 // 4
    return block[start : start + size].reshape(shape)
