"""An index that did not fit into memory is the same index."""

import numpy as np
import pytest

from rank_retrieve.analysis import get_analyzer
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.bm25 import BM25
from rank_retrieve.lexical.inverted_index import section_names
from rank_retrieve.lexical.positions import section_names as position_sections
from rank_retrieve.lexical.text_index import TextIndex


def texts_of(n, seed=3):
    """Texts of Zipfian words, some empty; common words have lists of many blocks."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 40, n)
    return [" ".join(f"w{word}" for word in random.zipf(1.3, size) % 999) for size in lengths]


def sections_of(texts, scratch, *, memory_bytes, positions=False, batch=97):
    with TextIndex(
        get_analyzer("simple"), "text", positions=positions, memory_bytes=memory_bytes,
        scratch=scratch,
    ) as index:  # fmt: skip
        for start in range(0, len(texts), batch):
            index.add(texts[start : start + batch])
        found = index.sections()
        names = [*section_names("text"), *(position_sections("text") if positions else ())]
        return {name: bytes(found.section(name)) for name in names}, index.n_runs


@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize(("memory_bytes", "runs"), [(1 << 18, 5), (1 << 16, 21)])
def test_runs_that_are_merged_make_the_same_bytes(tmp_path, memory_bytes, runs, positions):
    texts = texts_of(2_000)
    whole, none = sections_of(texts, tmp_path, memory_bytes=1 << 30, positions=positions)
    merged, n_runs = sections_of(texts, tmp_path, memory_bytes=memory_bytes, positions=positions)
    assert none == 0
    assert n_runs >= runs
    assert merged == whole
    assert list(tmp_path.iterdir()) == []


def test_what_fits_touches_no_disk(tmp_path):
    sections_of(["a b", "c"], tmp_path / "not there", memory_bytes=1 << 20)
    with pytest.raises(FileNotFoundError):
        sections_of(["a b", "c"], tmp_path / "not there", memory_bytes=1)


def test_runs_are_removed_when_indexing_fails(tmp_path):
    with (
        pytest.raises(InvalidArgument, match=r"texts\[2\]"),
        TextIndex(get_analyzer("simple"), "text", memory_bytes=1, scratch=tmp_path) as index,
    ):
        index.add(["a b", "c"])
        assert len(list(tmp_path.glob("*/run-0"))) == 1
        index.add([7])
    assert list(tmp_path.iterdir()) == []


def test_a_retriever_over_runs_is_like_any_other(tmp_path):
    texts = texts_of(600)
    seen = []
    spilled = BM25.from_texts(
        iter(texts), analyzer="simple", memory_bytes=1 << 15, scratch=tmp_path,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    whole = BM25.from_texts(texts, analyzer="simple")
    assert seen == [(600, 0)]
    assert len(spilled) == 600
    assert list(tmp_path.iterdir()) == []
    for query in ("w1 w2", "w7", "w500 w3 w3"):
        assert spilled.search(query, k=20).ids.tolist() == whole.search(query, k=20).ids.tolist()
        assert spilled.search(query, k=20).scores.tolist() == (
            whole.search(query, k=20).scores.tolist()
        )
    spilled.save(tmp_path / "saved")
    again = BM25.open(tmp_path / "saved")
    assert again.search("w1 w2").ids.tolist() == whole.search("w1 w2").ids.tolist()


def test_ids_of_texts_without_a_length_are_counted_at_the_end():
    found = BM25.from_texts((text for text in ["a", "b"]), ids=["x", "y"], analyzer="simple")
    assert found.search("b").ids.tolist() == ["y"]
    with pytest.raises(InvalidArgument, match="ids"):
        BM25.from_texts((text for text in ["a", "b"]), ids=["x"])


@pytest.mark.parametrize("memory_bytes", [0, -1, 1.5, True, "1"])
def test_memory_is_a_positive_number_of_bytes(memory_bytes):
    with pytest.raises(InvalidArgument, match="memory_bytes"):
        BM25.from_texts(["a"], memory_bytes=memory_bytes)
