"""What every place that takes vectors makes of bad ones, and of good ones in odd forms."""

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.dense.exact import Exact
from rank_retrieve.dense.hnsw import HNSW
from rank_retrieve.errors import DimensionMismatch, InvalidArgument

DIM = 4


def put(field):
    def take(rows):
        papers = rr.open(":memory:").create_collection("papers", {"v": field})
        papers.put_many({"id": f"d{i}", "v": row} for i, row in enumerate(rows))

    return take


def put_tokens(field):
    return lambda rows: put(field)([rows])


def batched(field):
    def take(rows):
        papers = rr.open(":memory:").create_collection("papers", {"v": field})
        batch = rr.WriteBatch()
        for i, row in enumerate(rows):
            batch.put({"id": f"d{i}", "v": row})
        papers.write(batch)

    return take


def ask(field):
    def take(rows):
        papers = rr.open(":memory:").create_collection("papers", {"v": field})
        papers.put({"id": "d", "v": np.ones(DIM)})
        for row in rows:
            papers.search(vector=row)

    return take


def ask_exact(rows):
    exact = Exact.from_vectors(np.ones((2, DIM)))
    for row in rows:
        exact.search(row)
    exact.search_many(rows)


def standalone(kind, **options):
    # vectors of any length are good, until some are there already
    def take(rows):
        made = kind.from_vectors(rows, **options)
        if made.dim != DIM:
            HNSW.from_vectors(np.ones((2, DIM))).add(rows)

    return take


FLOATS = {
    "Exact": standalone(Exact),
    "Exact int8": standalone(Exact, quantizer="int8"),
    "Exact float16": standalone(Exact, dtype="float16"),
    "HNSW": standalone(HNSW),
    "HNSW float16": standalone(HNSW, dtype="float16"),
    "Exact.search": ask_exact,
    "collection": put(rr.Vector(DIM)),
    "collection float16": put(rr.Vector(DIM, dtype="float16")),
    "collection int8": put(rr.Vector(DIM, index=rr.ExactOptions("int8"))),
    "collection hnsw": put(rr.Vector(DIM, index="hnsw")),
    "collection tokens": put_tokens(rr.MultiVector(DIM)),
    "collection tokens float16": put_tokens(rr.MultiVector(DIM, dtype="float16")),
    "batch": batched(rr.Vector(DIM)),
    "search": ask(rr.Vector(DIM)),
    "search hnsw": ask(rr.Vector(DIM, index="hnsw")),
}
HALVES = {name: take for name, take in FLOATS.items() if "float16" in name}

BAD = {
    "NaN": ([[1.0, np.nan, 0.0, 0.0]], InvalidArgument),
    "infinity": ([[1.0, np.inf, 0.0, 0.0]], InvalidArgument),
    "minus infinity": ([[-np.inf, 1.0, 0.0, 0.0]], InvalidArgument),
    "too large for float32": ([[1e39, 0.0, 0.0, 0.0]], InvalidArgument),
    "norm too large": ([[1e38, 1e38, 1e38, 1e38]], InvalidArgument),
    "all zeros": ([[0.0, 0.0, 0.0, 0.0]], InvalidArgument),
    "hardly anything": ([[1e-30, 0.0, 0.0, 0.0]], InvalidArgument),
    "too short": ([[1.0, 2.0, 3.0]], DimensionMismatch),
    "too long": ([[1.0, 2.0, 3.0, 4.0, 5.0]], DimensionMismatch),
    "strings": ([["1", "2", "3", "4"]], InvalidArgument),
    "booleans": (np.ones((1, DIM), dtype=bool), InvalidArgument),
    "complex": (np.ones((1, DIM), dtype=complex), InvalidArgument),
    "objects": (np.array([[1, 2, None, 4]], dtype=object), InvalidArgument),
    "ragged": ([[[1.0], [1.0, 2.0], 3.0, 4.0]], InvalidArgument),
    "too deep": (np.ones((1, 1, 1, DIM)), InvalidArgument),
}
GOOD = {
    "float16": np.ones((2, DIM), dtype=np.float16),
    "float64": np.ones((2, DIM)),
    "big-endian": np.ones((2, DIM), dtype=">f4"),
    "int8": np.ones((2, DIM), dtype=np.int8),
    "lists": [[1.0, 2.0, 3.0, 4.0], [4, 3, 2, 1]],
    "every second": np.ones((2, 2 * DIM), dtype=np.float32)[:, ::2],
    "backwards": np.ones((2, DIM), dtype=np.float32)[::-1, ::-1],
    "columns first": np.asfortranarray(np.ones((2, DIM), dtype=np.float32)),
    "read only": np.broadcast_to(np.float32(1), (2, DIM)),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", FLOATS)
def test_bad_vectors_are_refused_everywhere(place, bad):
    rows, error = BAD[bad]
    with pytest.raises(error):
        FLOATS[place](rows)


@pytest.mark.parametrize("good", GOOD)
@pytest.mark.parametrize("place", FLOATS)
def test_good_vectors_in_odd_forms_are_taken_everywhere(place, good):
    FLOATS[place](GOOD[good])


@pytest.mark.parametrize("place", HALVES)
@pytest.mark.parametrize("rows", [[[70000.0, 0.0, 0.0, 0.0]], [[1e-9, 0.0, 0.0, 1e-9]]])
def test_what_float16_cannot_hold_is_refused(place, rows):
    with pytest.raises(InvalidArgument, match="float16"):
        HALVES[place](rows)


BITS = {
    "Exact": lambda rows: Exact.from_vectors(rows, metric="hamming"),
    "collection": put(rr.Vector(8, metric="hamming")),
    "search": lambda rows: [
        Exact.from_vectors(np.ones((2, 8), bool), metric="hamming").search(row) for row in rows
    ],
}


@pytest.mark.parametrize("place", BITS)
@pytest.mark.parametrize(
    "rows",
    [
        [[0, 1, 2, 0, 0, 0, 0, 0]],
        [[0.5] * 8],
        [[np.nan] * 8],
        [["0"] * 8],
        np.ones((1, 1, 1, 8), dtype=bool),
    ],
)
def test_what_is_not_binary_is_refused(place, rows):
    with pytest.raises(InvalidArgument):
        BITS[place](rows)


@pytest.mark.parametrize("place", BITS)
@pytest.mark.parametrize(
    "rows",
    [
        np.eye(2, 8, dtype=bool),
        np.eye(2, 8),
        np.eye(2, 8, dtype=np.int64).tolist(),
        np.zeros((2, 8), dtype=bool),
        np.array([[128], [0]], dtype=np.uint8),
        np.asfortranarray(np.eye(2, 8, dtype=bool)),
    ],
)
def test_binary_vectors_in_every_form_are_taken(place, rows):
    BITS[place](rows)


@pytest.mark.parametrize("length", [1, 7, 9])
def test_binary_vectors_of_another_length_are_refused(length):
    with pytest.raises((DimensionMismatch, InvalidArgument)):
        BITS["collection"](np.ones((1, length), dtype=bool) if length > 1 else np.ones((1, 3)))
    with pytest.raises(DimensionMismatch):
        BITS["search"](np.ones((1, length + 8), dtype=bool))


def test_bits_behind_the_last_component_are_refused():
    with pytest.raises(InvalidArgument, match="behind the last"):
        put(rr.Vector(6, metric="hamming"))(np.array([[255]], dtype=np.uint8))


@pytest.mark.parametrize("index", ["hnsw", rr.ExactOptions("int8"), rr.HNSWOptions()])
def test_only_a_scan_compares_binary_vectors(index):
    with pytest.raises(InvalidArgument, match="hamming"):
        rr.Vector(8, metric="hamming", index=index)
    with pytest.raises(InvalidArgument, match="cosine, dot, euclidean"):
        HNSW.from_vectors(np.ones((2, 8)), metric="hamming")
    with pytest.raises(InvalidArgument, match="dtype"):
        rr.Vector(8, dtype="float64")
    with pytest.raises(InvalidArgument, match="dtype"):
        Exact.from_vectors([[1.0]], dtype="int8")
