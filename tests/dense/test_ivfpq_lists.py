import struct
from dataclasses import replace

import numpy as np
import pytest

from rank_retrieve.dense.ivfpq_growth import build_lists
from rank_retrieve.dense.ivfpq_lists import (
    Learnt,
    Lists,
    block_bytes,
    digest_of,
    packed_lists,
)
from rank_retrieve.dense.kmeans import Centres
from rank_retrieve.dense.pq import Coded, ProductQuantizer
from rank_retrieve.dense.vectors import column_of
from rank_retrieve.errors import CorruptionError, FormatVersionError
from rank_retrieve.types import IVFPQOptions, MemorySections

METRICS = ["cosine", "dot", "euclidean"]


def rows(n, dim, seed=0):
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def one_list(metric="dot"):
    """Three rows of two components, the second of three lists; codes by hand."""
    words = np.zeros((2, 1, 16), np.float32)
    words[0, 0, :3], words[1, 0, :3] = [1, 2, 3], [-1, -2, -3]
    centres = np.array([[9, 9], [0, 0], [-9, 9]], np.float32)
    learnt = Learnt(metric, 2, Centres(centres), ProductQuantizer(words), None, 3, b"\7" * 32)
    coded = Coded.empty(3, 2)
    learnt.quantizer.encode(
        np.array([[1, -2], [3, -3], [2, -1]], np.float32), centres, np.ones(3, np.int32), metric,
        coded,
    )  # fmt: skip
    spreads = np.array([0.0, 3.0, 0.5], np.float32)
    return packed_lists(learnt, spreads, np.array([1, 0, 1], np.int32), coded)


def test_the_bytes_of_a_small_index():
    sections = MemorySections()
    one_list("euclidean").write(sections, "v")
    assert bytes(sections.section("ivfpq.v.meta")) == bytes.fromhex(
        "0100 0200 0400 0000  02000000 01000000 03000000 02000000"
        "0300000000000000 0200000000000000 0300000000000000"
    ) + b"\7" * 32  # fmt: skip
    assert bytes(sections.section("ivfpq.v.lengths")) == struct.pack("<3I", 1, 2, 0)
    assert bytes(sections.section("ivfpq.v.spreads")) == struct.pack("<3f", 0, 3, 0.5)
    assert bytes(sections.section("ivfpq.v.centres")) == struct.pack("<6f", 9, 9, 0, 0, -9, 9)
    words = struct.pack("<32f", 1, 2, 3, *[0] * 13, -1, -2, -3, *[0] * 13)
    assert bytes(sections.section("ivfpq.v.words")) == words
    assert "ivfpq.v.rotation" not in sections
    blocks = bytes(sections.section("ivfpq.v"))
    assert len(blocks) == 2 * 576
    first, second = blocks[:576], blocks[576:]
    # row 1 is coded 2, 2; rows 0 and 2 are coded 0, 1 and 1, 0; all of them exactly
    assert first[:64] == bytes([2]) + bytes(15) + bytes([2]) + bytes(47)
    assert second[:64] == bytes([0, 1]) + bytes(14) + bytes([1, 0]) + bytes(46)
    assert second[64:192] == struct.pack("<32f", 1, 1, *[0] * 30)
    assert second[192:320] == bytes(128)
    assert second[320:448] == struct.pack("<32i", 0, 2, *[-1] * 30)
    assert second[448:] == struct.pack("<32f", 2.5, 2.5, *[0] * 30)


def test_a_block_has_no_offsets_but_under_euclidean():
    assert block_bytes(96, 4, "cosine") == 1536 + 384
    assert block_bytes(96, 4, "euclidean") == 1536 + 512
    assert block_bytes(5, 4, "dot") == 128 + 384
    assert block_bytes(5, 8, "dot") == 160 + 384


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("options", [{}, {"bits": 8, "m": 3}, {"rotation": "opq", "m": 4}])
def test_what_was_written_is_opened(metric, options):
    column = column_of(rows(300, 10))
    lists = build_lists(column, metric, IVFPQOptions(**options), threads=1)
    sections = MemorySections()
    lists.write(sections, "v")
    again = Lists.open(sections, "v", column, rescored=7)
    assert (again.n, again.metric, again.rescored) == (300, metric, 7)
    assert again.learnt.trained == 300
    assert again.learnt.digest == digest_of(IVFPQOptions(**options))
    assert np.array_equal(again.blocks, lists.blocks)
    assert np.array_equal(again.labels(), lists.labels())
    for mine, theirs in zip(again.coded().arrays, lists.coded().arrays, strict=True):
        assert np.array_equal(mine, theirs)
    assert (again.learnt.rotation is None) == ("rotation" not in options)
    assert again.nbytes == lists.nbytes


def test_packing_takes_rows_apart_and_puts_them_together_again():
    column = column_of(rows(500, 8))
    lists = build_lists(column, "euclidean", IVFPQOptions(n_lists=20), threads=1)
    again = packed_lists(lists.learnt, lists.spreads, lists.labels(), lists.coded())
    assert np.array_equal(again.blocks, lists.blocks)
    assert (np.diff(lists.rows, axis=1)[lists.rows[:, 1:] >= 0] > 0).all()


def test_options_of_a_query_do_not_change_the_digest():
    plain = digest_of(IVFPQOptions())
    assert plain == digest_of(IVFPQOptions(n_probe=3, rescored=9))
    for other in ({"n_lists": 9}, {"m": 3}, {"bits": 8}, {"rotation": "opq"}, {"seed": 1},
                  {"steps": 3}, {"training": 999}):  # fmt: skip
        assert digest_of(IVFPQOptions(**other)) != plain


# --------------------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def stored():
    column = column_of(rows(200, 6))
    lists = build_lists(column, "dot", IVFPQOptions(rotation="opq", m=3), threads=1)
    sections = MemorySections()
    lists.write(sections, "v")
    return column, {name: bytes(view) for name, view in sections.buffers.items()}


def opened(column, buffers):
    sections = MemorySections()
    for name, content in buffers.items():
        sections.add(name, content)
    return Lists.open(sections, "v", column)


def changed(buffers, name, at, new):
    content = bytearray(buffers[name])
    content[at : at + len(new)] = new
    return {**buffers, name: bytes(content)}


@pytest.mark.parametrize(
    ("at", "new"),
    [
        (2, b"\x03\0"),  # metric
        (4, b"\x05\0"),  # bits
        (6, b"\x02\0"),  # rotation
        (8, b"\0\0\0\0"),  # m
        (8, b"\xff\xff\xff\x7f"),
        (12, b"\0\0\0\0"),  # part
        (12, b"\xff\xff\xff\xff"),
        (16, b"\0\0\0\0"),  # n_lists
        (16, b"\xff\xff\xff\xff"),
        (20, b"\x07\0\0\0"),  # dim
        (24, b"\xff" * 8),  # n
        (32, b"\xff" * 8),  # n_blocks
        (32, b"\x01" + bytes(7)),
    ],
)
def test_sizes_that_do_not_fit_are_corruption(stored, at, new):
    column, buffers = stored
    with pytest.raises(CorruptionError):
        opened(column, changed(buffers, "ivfpq.v.meta", at, new))


def test_a_newer_layout_is_refused(stored):
    column, buffers = stored
    with pytest.raises(FormatVersionError):
        opened(column, changed(buffers, "ivfpq.v.meta", 0, b"\2\0"))


@pytest.mark.parametrize("name", ["centres", "spreads", "words", "rotation"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_corruption(stored, name, value):
    column, buffers = stored
    with pytest.raises(CorruptionError, match="finite"):
        opened(column, changed(buffers, f"ivfpq.v.{name}", 4, struct.pack("<f", value)))


@pytest.mark.parametrize("suffix", ["", ".meta", ".centres", ".spreads", ".lengths", ".words"])
@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b""])
def test_sections_of_another_size_are_corruption(stored, suffix, change):
    column, buffers = stored
    name = f"ivfpq.v{suffix}"
    with pytest.raises(CorruptionError):
        opened(column, {**buffers, name: change(buffers[name])})


def test_lengths_must_fill_the_blocks(stored):
    column, buffers = stored
    lengths = np.frombuffer(buffers["ivfpq.v.lengths"], "<u4").copy()
    lengths[0] += 40
    lengths[1] -= 1
    with pytest.raises(CorruptionError, match="rows"):
        opened(column, {**buffers, "ivfpq.v.lengths": lengths.tobytes()})
    lengths[:] = 0
    lengths[0] = 2**32 - 1
    with pytest.raises(CorruptionError):
        opened(column, {**buffers, "ivfpq.v.lengths": lengths.tobytes()})


@pytest.mark.parametrize("row", [-1, 200, 2**31 - 1, "another"])
def test_rows_that_are_none_or_come_twice_are_corruption(stored, row):
    column, buffers = stored
    lists = opened(column, buffers)
    value = int(lists.rows[0, 1]) if row == "another" else row
    place = lists.code_bytes + 256
    with pytest.raises(CorruptionError, match="in one place"):
        opened(column, changed(buffers, "ivfpq.v", place, struct.pack("<i", value)))


def test_any_scales_and_codes_are_searched_without_harm(stored):
    column, buffers = stored
    rng = np.random.default_rng(4)
    lists = opened(column, buffers)
    width, start = lists.blocks.shape[1], lists.code_bytes
    from rank_retrieve.dense.graph_search import Visible

    for round_ in range(30):
        blocks = lists.blocks.copy()
        part = blocks[:, : start + 256]
        part[:] = rng.integers(0, 256, part.shape)
        if round_ % 2:
            blocks[:, start : start + 256].view("<f4")[:] = [np.nan, np.inf, -np.inf, 3e38] * 16
        hostile = opened(column, {**buffers, "ivfpq.v": blocks.tobytes()})
        assert hostile.blocks.shape[1] == width
        query = rng.standard_normal((3, 16)).astype(np.float32)
        for k in (1, 50, 200):
            found = hostile.searcher(column, 0).search(
                query, np.ones(3), k, 1, Visible(None, column.n)
            )
            assert [len(set(ranked.docs.tolist())) for ranked in found] == [k] * 3


def test_huge_numbers_are_searched_without_harm(stored):
    column, buffers = stored
    from rank_retrieve.dense.graph_search import Visible

    lists = opened(column, buffers)
    learnt = lists.learnt
    for factor in (1e38, 1e-38):
        loud = replace(
            learnt,
            centres=Centres(learnt.centres.rows * np.float32(factor)),
            quantizer=ProductQuantizer(learnt.quantizer.words * np.float32(factor)),
        )
        hostile = replace(lists, learnt=loud, spreads=lists.spreads * np.float32(factor))
        found = hostile.searcher(column, 0).search(
            rows(2, 16), np.ones(2), 200, 3, Visible(None, column.n)
        )
        assert [len(set(ranked.docs.tolist())) for ranked in found] == [200, 200]
