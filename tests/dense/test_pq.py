import numpy as np
import pytest

from rank_retrieve.dense import _pq_kernels as kernels
from rank_retrieve.dense.pq import Coded, ProductQuantizer

# two parts of one component with words 0, 1, .. 15 and 0, -1, .. -15
LADDERS = np.stack([np.arange(16.0), -np.arange(16.0)]).astype(np.float32)[:, np.newaxis]
ORIGIN, NONE = np.zeros((1, 2), np.float32), np.zeros(1, np.int32)


def coded_by(quantizer, rows, centres, labels, metric):
    out = Coded.empty(len(rows), quantizer.m)
    rows, labels = np.asarray(rows, np.float32), np.asarray(labels, np.int32)
    quantizer.encode(rows, np.asarray(centres, np.float32), labels, metric, out)
    return out


def test_codes_scales_biases_and_offsets_by_hand():
    quantizer = ProductQuantizer(LADDERS)
    assert (quantizer.m, quantizer.width, quantizer.bits) == (2, 2, 4)
    # x = (4.25, -2), centre (1, 1): residual (3.25, -3), coded (3, -3)
    found = coded_by(quantizer, [[4.25, -2.0]], [[9.0, 9.0], [1.0, 1.0]], [1], "dot")
    assert found.codes.tolist() == [[3, 3]]
    assert quantizer.decode(found.codes).tolist() == [[3.0, -3.0]]
    # r r = 10.5625 + 9 = 19.5625, r h = 9.75 + 9 = 18.75
    scale = np.float32(19.5625 / 18.75)
    assert found.scales.tolist() == [scale]
    # c h = 0, c r = 0.25
    assert found.biases.tolist() == [-0.25]
    assert found.offsets.tolist() == [0.0]
    # |r|^2 / 2 + c r
    far = coded_by(quantizer, [[4.25, -2.0]], [[9.0, 9.0], [1.0, 1.0]], [1], "euclidean")
    assert far.offsets.tolist() == [9.78125 + 0.25]


def test_the_scale_of_a_row_at_its_centre_is_one_and_that_of_a_bad_code_four():
    quantizer = ProductQuantizer(LADDERS)
    found = coded_by(quantizer, [[0.0, 0.0], [-5.0, 0.0]], ORIGIN, [0, 0], "dot")
    # the nearest words of (-5, 0) are (0, 0), which are no help
    assert found.codes.tolist() == [[0, 0], [0, 0]]
    assert found.scales.tolist() == [1.0, 4.0]


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("n", [1, 16, 40])
def test_the_kernel_codes_like_numpy(metric, n):
    rng = np.random.default_rng(n)
    words = rng.standard_normal((6, 3, 16)).astype(np.float32)
    rows = rng.standard_normal((n, 18)).astype(np.float32)
    centres = rng.standard_normal((5, 18)).astype(np.float32)
    labels = rng.integers(0, 5, n)
    found = coded_by(ProductQuantizer(words), rows, centres, labels, metric)
    r = (rows - centres[labels]).astype(np.float64)
    gaps = r.reshape(n, 6, 3, 1) - words.astype(np.float64)
    codes = (gaps**2).sum(axis=2).argmin(axis=2)
    assert found.codes.tolist() == codes.tolist()
    h = ProductQuantizer(words).decode(found.codes).astype(np.float64)
    c = centres[labels].astype(np.float64)
    scales = (r * r).sum(axis=1) / np.maximum((r * h).sum(axis=1), 1e-9)
    scales = np.minimum(scales, 4.0)
    np.testing.assert_allclose(found.scales, scales, rtol=1e-5)
    biases = scales * (c * h).sum(axis=1) - (c * r).sum(axis=1)
    np.testing.assert_allclose(found.biases, biases, rtol=1e-4, atol=1e-5)
    offsets = (r * r).sum(axis=1) / 2 + (c * r).sum(axis=1)
    np.testing.assert_allclose(
        found.offsets, offsets if metric == "euclidean" else np.zeros(n), rtol=1e-4, atol=1e-5
    )


def test_products_are_estimated_without_bias():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((4_000, 16)).astype(np.float32)
    labels = np.zeros(4_000, np.int32)
    origin = np.zeros((1, 16), np.float32)
    quantizer = ProductQuantizer.learn(rows, origin, labels, 4, 4, threads=1)
    coded = coded_by(quantizer, rows, origin, labels, "dot")
    h = quantizer.decode(coded.codes)
    own = (rows * rows).sum(axis=1)
    plain, scaled = (rows * h).sum(axis=1), (rows * h).sum(axis=1) * coded.scales
    # towards itself a row is estimated exactly, and too short without the scale
    np.testing.assert_allclose(scaled, own, rtol=1e-4)
    assert (plain / own).mean() < 0.9


def test_learnt_words_lose_less_than_the_first_ones():
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((3_000, 8)).astype(np.float32)
    labels, origin = np.zeros(3_000, np.int32), np.zeros((1, 8), np.float32)

    def loss(steps):
        quantizer = ProductQuantizer.learn(rows, origin, labels, 2, 4, steps=steps, threads=1)
        coded = coded_by(quantizer, rows, origin, labels, "dot")
        return float(((rows - quantizer.decode(coded.codes)) ** 2).sum())

    first, second, last = loss(1), loss(3), loss(20)
    assert last < second < first
    # 16 words for four Gaussian components leave about a third of the variance
    assert last / (rows * rows).sum() < 0.45


def test_sixteen_different_values_are_learnt_exactly():
    rows = np.arange(16, dtype=np.float32).repeat(20)[:, np.newaxis]
    labels, origin = np.zeros(320, np.int32), np.zeros((1, 1), np.float32)
    quantizer = ProductQuantizer.learn(rows, origin, labels, 1, 8, threads=1)
    coded = coded_by(quantizer, rows, origin, labels, "dot")
    np.testing.assert_allclose(quantizer.decode(coded.codes), rows, atol=0.02)


@pytest.mark.parametrize("bits", [4, 8])
def test_words_are_the_same_on_any_number_of_threads(bits):
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((700, 12)).astype(np.float32)
    labels, origin = np.zeros(700, np.int32), np.zeros((1, 12), np.float32)
    one, three = (
        ProductQuantizer.learn(rows, origin, labels, 6, bits, threads=n).words for n in (1, 3)
    )
    assert np.array_equal(one, three)


@pytest.mark.parametrize("n", [1, 5])
def test_fewer_rows_than_words_will_do(n):
    rows = np.random.default_rng(4).standard_normal((n, 4)).astype(np.float32)
    labels, origin = np.zeros(n, np.int32), np.zeros((1, 4), np.float32)
    quantizer = ProductQuantizer.learn(rows, origin, labels, 2, 4, threads=1)
    coded = coded_by(quantizer, rows, origin, labels, "dot")
    np.testing.assert_allclose(quantizer.decode(coded.codes), rows, rtol=1e-2, atol=1e-2)


# --------------------------------------------------------------------------- packing


def pack(kernel, codes, order, lengths, bits):
    m = codes.shape[1]
    blocks = -(-lengths // 32)
    size = -(-m // 4) * 64 if bits == 4 else 32 * m
    packed = np.zeros((int(blocks.sum()), size), np.uint8)
    rows = np.full((len(packed), 32), -1, np.int32)
    starts = np.cumsum(blocks) - blocks
    kernel(codes, order, np.cumsum(lengths), starts, bits, packed, rows)
    return packed, rows


def test_four_bit_codes_share_bytes_with_the_row_sixteen_places_on():
    codes = np.zeros((18, 5), np.uint8)
    codes[0], codes[16], codes[17] = [1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [15, 0, 0, 0, 0]
    packed, rows = pack(kernels.pack_lists, codes, np.arange(18), np.array([0, 18]), 4)
    assert packed.shape == (1, 128)
    assert packed[0, ::16][:5].tolist() == [0x61, 0x72, 0x83, 0x94, 0xA5]
    assert packed[0, 1] == 0xF0
    assert rows[0].tolist() == [*range(18), *[-1] * 14]


@pytest.mark.parametrize("bits", [4, 8])
def test_packing_and_unpacking_agree_with_plain_python(bits):
    rng = np.random.default_rng(bits)
    codes = rng.integers(0, 1 << bits, (100, 7)).astype(np.uint8)
    lengths = np.array([33, 0, 1, 64, 2])
    order = rng.permutation(100)
    packed, rows = pack(kernels.pack_lists, codes, order, lengths, bits)
    again, others = pack(kernels.pack_lists.py_func, codes, order, lengths, bits)
    assert np.array_equal(packed, again)
    assert np.array_equal(rows, others)
    assert rows[rows >= 0].tolist() == order.tolist()
    for unpack in (kernels.unpack_codes, kernels.unpack_codes.py_func):
        found = np.zeros_like(codes)
        unpack(packed, rows, bits, found)
        assert np.array_equal(found, codes)
