import sqlite3
import threading

import numpy as np
import pytest

import rank_retrieve as rr


class Counting:
    """Encodes lengths, and keeps what it was asked."""

    dim = 2

    def __init__(self, fingerprint="f"):
        self.fingerprint, self.asked = fingerprint, []

    def encode_documents(self, texts):
        self.asked.append(list(texts))
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)

    def encode_queries(self, texts):
        return self.encode_documents(texts) * np.float32(2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.sqlite"


def test_no_text_is_encoded_twice_even_by_another_process(path):
    inner = Counting()
    cached = rr.CachedEncoder(inner, path)
    assert isinstance(cached, rr.Encoder)
    assert cached.fingerprint == "f"
    assert cached.encode_documents(["a", "ab", "a"]).tolist() == [[1, 1], [2, 1], [1, 1]]
    assert cached.encode_documents(["ab", "abc"]).tolist() == [[2, 1], [3, 1]]
    assert inner.asked == [["a", "ab"], ["abc"]]
    assert len(cached) == 3
    cached.close()
    later = Counting()
    assert rr.CachedEncoder(later, path).encode_documents(["abc", "a"]).tolist() == [[3, 1], [1, 1]]
    assert later.asked == []


def test_queries_and_documents_and_models_are_kept_apart(path):
    cached = rr.CachedEncoder(Counting(), path)
    assert cached.encode_documents(["a"]).tolist() == [[1, 1]]
    assert cached.encode_queries(["a"]).tolist() == [[2, 2]]
    other = Counting("g")
    rr.CachedEncoder(other, path).encode_documents(["a"])
    assert other.asked == [["a"]]
    assert len(cached) == 3


def test_a_damaged_row_is_encoded_again(path):
    inner = Counting()
    cached = rr.CachedEncoder(inner, path)
    cached.encode_documents(["a"])
    with sqlite3.connect(path) as connection:
        ((row,),) = connection.execute("SELECT row FROM vectors").fetchall()
        assert row == np.array([1, 1], dtype="<f4").tobytes() + row[8:]
        assert len(row) == 12
        connection.execute("UPDATE vectors SET row = ?", (b"\0" + row[1:-1] + b"\7",))
    connection.close()
    assert cached.encode_documents(["a"]).tolist() == [[1, 1]]
    assert inner.asked == [["a"], ["a"]]


def test_what_the_encoder_refuses_is_not_kept(path):
    inner = Counting()
    inner.encode_documents = lambda texts: np.full((len(texts), 2), np.nan)
    cached = rr.CachedEncoder(inner, path)
    with pytest.raises(rr.InvalidArgument, match="NaN"):
        cached.encode_documents(["a"])
    assert len(cached) == 0


def test_more_texts_than_a_statement_takes_parameters(path):
    cached = rr.CachedEncoder(Counting(), path)
    texts = ["x" * n for n in range(1_201)]
    for _ in range(2):
        assert cached.encode_documents(texts)[:, 0].tolist() == list(range(1_201))


def test_threads_share_it(path):
    cached = rr.CachedEncoder(Counting(), path)
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(20):
            lengths = rng.integers(0, 40, size=5).tolist()
            if cached.encode_documents(["y" * n for n in lengths])[:, 0].tolist() != lengths:
                wrong.append(lengths)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_file_that_is_no_cache_is_refused_and_kept(path):
    path.write_bytes(b"something else " * 100)
    with pytest.raises(rr.InvalidArgument, match="cannot serve as a cache"):
        rr.CachedEncoder(Counting(), path).encode_documents(["a"])
    assert path.read_bytes() == b"something else " * 100


def test_what_is_no_encoder_is_refused(path):
    with pytest.raises(rr.InvalidArgument, match="is not an encoder"):
        rr.CachedEncoder(len, path)


class Watching:
    """A connection that says whether the lock is held whenever it is touched."""

    def __init__(self, connection, lock):
        self._connection, self._lock, self.held = connection, lock, []

    def __getattr__(self, name):
        self.held.append(self._lock.locked())
        return getattr(self._connection, name)


CALLS = {
    "count": len,
    "look up": lambda cached: cached.encode_documents(["known"]),
    "keep": lambda cached: cached._keep([b"key"], np.ones((1, 2), np.float32)),
    "close": lambda cached: cached.close(),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_file_is_touched_under_the_lock(name, path):
    cached = rr.CachedEncoder(Counting(), path)
    cached.encode_documents(["known"])
    watching = cached._connection = Watching(cached._connection, cached._lock)
    CALLS[name](cached)
    assert watching.held
    assert all(watching.held)
