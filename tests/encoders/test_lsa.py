import math

import msgspec
import numpy as np
import pytest

from rank_retrieve.encoders import LSAEncoder, _lsa_kernels
from rank_retrieve.encoders.registry import KINDS, kind_of
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.segment import SegmentReader, write_file_atomically
from rank_retrieve.types import Encoder, MemorySections

# car and automobile never meet, but both meet engine; flowers stand apart
TEXTS = [
    "car engine", "automobile engine", "car engine wheel", "automobile engine wheel",
    "rose petal", "tulip petal", "rose petal garden", "tulip petal garden",
]  # fmt: skip


def fitted(texts=TEXTS, **options):
    return LSAEncoder(**{"dim": 2, "analyzer": "simple", **options}).fit(texts)


def many_texts(n=60, seed=0):
    rng = np.random.default_rng(seed)
    words = [f"word{i}" for i in range(200)]
    return [" ".join(rng.choice(words, rng.integers(0, 120))) for _ in range(n)]


def test_two_texts_worked_by_hand():
    # terms a, b, c; N = 2; df = 2, 1, 1: weights ln(3/2), ln 3, ln 3
    encoder = fitted(["a b", "a a c"])
    low, high = math.log(3 / 2), math.log(3)
    matrix = np.array([[low, high, 0], [(1 + math.log(2)) * low, 0, high]])
    values, right = np.linalg.svd(matrix)[1:]
    right = right[:2] * np.sign(right[np.arange(2), np.abs(right[:2]).argmax(axis=1)])[:, None]
    expected = matrix @ right.T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode_documents(["a b", "a a c"]), expected, atol=1e-5)
    np.testing.assert_allclose(encoder._model.weights, [low, high, high], rtol=1e-6)
    np.testing.assert_allclose(encoder._model.strengths, values, rtol=1e-5)
    assert encoder._model.terms == [b"a", b"b", b"c"]


def test_words_that_never_meet_become_alike_through_their_company():
    encoder = fitted()
    car, automobile, rose = encoder.encode_queries(["car", "automobile", "rose"])
    assert car @ automobile == pytest.approx(1.0, abs=1e-4)
    assert abs(car @ rose) < 1e-4


def test_vectors_have_length_one_and_unknown_texts_are_zeros():
    encoder = fitted()
    vectors = encoder.encode_documents([*TEXTS, "zebra", "", "zebra car", "!!!"])
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1).round(6).tolist() == [1.0] * 8 + [0.0, 0.0, 1.0, 0.0]
    assert encoder.encode_documents([]).shape == (0, 2)


def test_a_corpus_of_low_rank_fills_only_its_rank():
    encoder = fitted(["a b", "c"], dim=10)
    assert encoder.rank == 2
    vectors = encoder.encode_documents(["a b", "c", "a"])
    assert vectors.shape == (3, 10)
    assert not vectors[:, 2:].any()
    assert abs(vectors[:, :2]).round(5).tolist() in (
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]],
        [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]],
    )


def test_a_text_has_the_same_bits_alone_and_among_others():
    texts = many_texts(1100)
    encoder = fitted(texts[:300], dim=16)
    together = encoder.encode_documents(texts)
    for place in (0, 7, 500, 1023, 1024, 1099):
        assert np.array_equal(encoder.encode_documents([texts[place]])[0], together[place])
        assert np.array_equal(encoder.encode_queries([texts[place]])[0], together[place])
    few = encoder.encode_documents(texts[5:8])
    assert np.array_equal(few, together[5:8])


def test_fitting_is_deterministic():
    texts = many_texts(200)
    first, second = fitted(texts, dim=16), fitted(texts, dim=16)
    assert first.fingerprint == second.fingerprint
    assert np.array_equal(first.encode_documents(texts), second.encode_documents(texts))
    assert fitted(texts, dim=16, seed=1).fingerprint != first.fingerprint
    assert fitted(texts[:-1], dim=16).fingerprint != first.fingerprint


def test_rare_terms_are_left_out_of_larger_corpora():
    texts = ["common"] * 999
    assert fitted([*texts[:-1], "common once"]).n_terms == 2
    assert fitted([*texts, "common once"]).n_terms == 1
    assert fitted([*texts, "common once"], min_df=1).n_terms == 2
    assert fitted([*TEXTS], min_df=4).n_terms == 2  # engine, petal


def test_the_terms_in_most_documents_are_kept():
    assert fitted(["a b c", "b c", "c b", "d", "a"], max_terms=3)._model.terms == [b"a", b"b", b"c"]


def test_a_large_corpus_is_sampled():
    texts = many_texts(50)
    encoder = fitted(texts, dim=8, max_documents=20)
    assert encoder._model.n_documents == 20
    assert encoder.fingerprint == fitted(texts, dim=8, max_documents=20).fingerprint


def test_the_analyzer_is_used():
    encoder = LSAEncoder(dim=2, analyzer="english").fit(["running dogs", "the cats", "dog cat"])
    assert encoder.encode_queries(["the"]).tolist() == [[0.0, 0.0]]
    assert np.array_equal(*encoder.encode_queries(["run", "runs"]))


def test_progress_rises_to_its_total():
    calls = []
    texts = many_texts(1500)
    LSAEncoder(dim=4, analyzer="simple").fit(texts, progress=lambda *call: calls.append(call))
    done, totals = zip(*calls, strict=True)
    assert set(totals) == {3000}
    assert list(done) == sorted(done)
    assert (done[0], done[-1]) == (1024, 3000)


# --------------------------------------------------------------------------- storing


@pytest.mark.parametrize("stored", ["memory", "file"])
def test_a_stored_encoder_comes_back_to_the_bit(stored):
    texts = many_texts()
    encoder = fitted(texts, dim=20, seed=3, min_df=2)
    if stored == "memory":
        sections = MemorySections()
        encoder.write(sections)
    else:
        directory = MemoryDirectory()
        write_file_atomically(directory, "encoder", "encoder", encoder.write)
        sections = SegmentReader.open(directory, "encoder", kind="encoder")
    again = LSAEncoder.open(sections)
    assert again.fitted
    assert again.fingerprint == encoder.fingerprint
    assert again.options == encoder.options
    assert (again.rank, again.n_terms) == (encoder.rank, encoder.n_terms)
    assert np.array_equal(again.encode_documents(texts), encoder.encode_documents(texts))


def test_the_fingerprint_covers_what_is_stored():
    encoder = fitted()
    sections = MemorySections()
    encoder.write(sections)
    changed = bytearray(sections.section("lsa.weights"))
    changed[0] ^= 1
    sections.buffers["lsa.weights"] = memoryview(bytes(changed))
    assert LSAEncoder.open(sections).fingerprint != encoder.fingerprint


def stored():
    sections = MemorySections("file")
    fitted().write(sections)
    return sections


def with_description(**changes):
    sections = stored()
    description = msgspec.json.decode(sections.section("lsa"))
    description |= changes
    sections.buffers["lsa"] = memoryview(msgspec.json.encode(description))
    return sections


@pytest.mark.parametrize(
    "changes",
    [
        {"n_terms": 3},
        {"n_terms": -1},
        {"n_terms": 10**12},
        {"rank": 3},
        {"rank": -1},
        {"rank": "x"},
        {"surplus": 1},
        {"options": {"dim": 3}},
    ],
)
def test_a_description_that_contradicts_the_sections_is_corruption(changes):
    with pytest.raises(CorruptionError):
        LSAEncoder.open(with_description(**changes))


@pytest.mark.parametrize(
    "changes", [{"dim": 0}, {"dim": 1 << 40}, {"analyzer": "klingon"}, {"seed": -1}, {"dim": 3}]
)
def test_stored_options_out_of_range_are_corruption(changes):
    options = msgspec.json.decode(stored().section("lsa"))["options"] | changes
    with pytest.raises(CorruptionError):
        LSAEncoder.open(with_description(options=options))


@pytest.mark.parametrize("changes", [{"version": 2}, {"analyzer_fingerprint": "0" * 32}])
def test_another_version_or_analyzer_is_refused_as_such(changes):
    with pytest.raises(FormatVersionError):
        LSAEncoder.open(with_description(**changes))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lsa", b"{"),
        ("lsa", b"[]"),
        ("lsa.offsets", b""),
        ("lsa.offsets", np.array([0, 9, 3, 4, 5, 6, 7, 8, 9], dtype="<i8").tobytes()),
        ("lsa.terms", b"abc"),
        ("lsa.weights", b""),
        ("lsa.projection", b"1234"),
        ("lsa.strengths", np.array([np.nan, 1], dtype="<f4").tobytes()),
    ],
)
def test_damaged_sections_are_corruption(name, value):
    sections = stored()
    sections.buffers[name] = memoryview(value)
    with pytest.raises(CorruptionError):
        LSAEncoder.open(sections)


def test_terms_out_of_order_are_corruption():
    sections = stored()
    turned = bytes(sections.section("lsa.terms")).replace(b"car", b"zar")
    sections.buffers["lsa.terms"] = memoryview(turned)
    with pytest.raises(CorruptionError, match="ascending terms"):
        LSAEncoder.open(sections)


# --------------------------------------------------------------------------- as an encoder


def test_it_is_an_encoder_that_can_be_registered():
    unfitted = LSAEncoder(dim=3)
    assert isinstance(unfitted, Encoder)
    assert isinstance(fitted(), Encoder)
    assert not unfitted.fitted
    assert kind_of(unfitted) == "lsa"
    assert kind_of(object()) is None
    again = KINDS["lsa"](**unfitted.options)
    assert again.options == unfitted.options
    assert again.fingerprint == unfitted.fingerprint != LSAEncoder(dim=4).fingerprint


def test_an_unfitted_encoder_cannot_encode_or_be_stored():
    unfitted = LSAEncoder()
    for action in (
        lambda: unfitted.encode_queries(["a"]),
        lambda: unfitted.write(MemorySections()),
        lambda: unfitted.rank,
    ):
        with pytest.raises(InvalidArgument, match="Call fit"):
            action()


def test_fitting_twice_is_refused():
    with pytest.raises(InvalidArgument, match="has learnt already"):
        fitted().fit(TEXTS)


@pytest.mark.parametrize("texts", [[], ["", "!!!"], "one string", ["a", 1], ["\ud800"]])
def test_what_cannot_be_learnt_from_is_refused(texts):
    encoder = LSAEncoder(dim=2, analyzer="simple")
    with pytest.raises(InvalidArgument):
        encoder.fit(texts)
    assert not encoder.fitted


@pytest.mark.parametrize(
    "options",
    [
        {"dim": 0},
        {"dim": 5000},
        {"dim": 2.0},
        {"dim": True},
        {"seed": -1},
        {"min_df": 0},
        {"max_terms": 0},
        {"max_documents": 0},
        {"analyzer": "klingon"},
    ],
)
def test_bad_options_are_refused(options):
    with pytest.raises(InvalidArgument):
        LSAEncoder(**options)


def test_the_kernel_is_the_same_in_plain_python():
    arguments = (
        np.array([0, 2, 2, 3], dtype=np.int64),
        np.array([0, 2, 1], dtype=np.int32),
        np.array([3, 1, 2], dtype=np.int32),
        np.array([1.0, 0.5, 2.0], dtype=np.float32),
        np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]], dtype=np.float32),
    )
    plain, compiled = np.empty((3, 2), np.float32), np.empty((3, 2), np.float32)
    _lsa_kernels.fold_in.py_func(*arguments, plain)
    _lsa_kernels.fold_in(*arguments, compiled)
    assert plain.tolist() == compiled.tolist()
    # text 0: (1 + ln 3) * [1, 0] + 2 * [1, 1]; text 1: nothing; text 2: a multiple of [0, 2]
    x = 1 + math.log(3) + 2
    np.testing.assert_allclose(
        compiled, [[x / math.hypot(x, 2), 2 / math.hypot(x, 2)], [0, 0], [0, 1]], rtol=1e-6
    )
