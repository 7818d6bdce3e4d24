"""Bad documents get a typed error that names the value, and nothing is lost."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}


@pytest.fixture
def papers(tmp_path: Path) -> rr.Collection:
    papers = rr.open(tmp_path / "db").create_collection("papers", fields=FIELDS)
    papers.put({"id": "good", "text": "a good document", "vector": [1, 0]})
    return papers


deep: Any = 1
for _ in range(10_000):
    deep = [deep]

BAD: dict[str, Any] = {
    "no id": {"text": "x"},
    "empty id": {"id": ""},
    "number as id": {"id": 7},
    "None as id": {"id": None},
    "bytes as id": {"id": b"x"},
    "huge id": {"id": "x" * 100_000},
    "surrogate in id": {"id": "a\ud800"},
    "surrogate in text": {"id": "a", "text": "x\udfff"},
    "surrogate in metadata": {"id": "a", "note": "x\udfff"},
    "surrogate in a key": {"id": "a", "x\udfff": 1},
    "number as text": {"id": "a", "text": 5},
    "list as text": {"id": "a", "text": ["x"]},
    "NaN in vector": {"id": "a", "vector": [float("nan"), 1]},
    "infinity in vector": {"id": "a", "vector": np.array([np.inf, 1])},
    "overflow in vector": {"id": "a", "vector": [1e300, 1]},
    "zero vector under cosine": {"id": "a", "vector": [0, 0]},
    "wrong dimension": {"id": "a", "vector": [1, 2, 3]},
    "matrix as vector": {"id": "a", "vector": [[1, 2]]},
    "text as vector": {"id": "a", "vector": "1,2"},
    "complex vector": {"id": "a", "vector": np.array([1j, 1])},
    "set as metadata": {"id": "a", "tags": {1, 2}},
    "object as metadata": {"id": "a", "thing": object()},
    "key that is no string": {"id": "a", "m": {1: 2}},
    "too large integer": {"id": "a", "n": 2**70},
    "too deep": {"id": "a", "m": deep},
    "no document": "text",
    "none": None,
    "list of pairs": [("id", "a")],
}


@pytest.mark.parametrize("document", BAD.values(), ids=BAD.keys())
def test_a_bad_document_is_refused_by_every_way_in(papers: rr.Collection, document: Any) -> None:
    for write in (
        papers.put,
        lambda bad: papers.put_many([{"id": "same batch"}, bad]),
        lambda bad: papers.write(rr.WriteBatch().put({"id": "same batch"}).put(bad)),
    ):
        with pytest.raises(rr.InvalidArgument) as caught:
            write(document)
        str(caught.value).encode("utf-8")  # the message itself can be printed
    assert list(papers.ids()) == ["good"]
    assert papers.search("good", vector=[1, 0])[0].id == "good"
    papers.put({"id": "next", "text": "good"})
    assert len(papers) == 2


def test_one_document_instead_of_many_is_refused(papers: rr.Collection) -> None:
    for documents in ({"id": "a"}, "abc", b"abc"):
        with pytest.raises(rr.InvalidArgument, match="documents"):
            papers.put_many(documents)  # type: ignore[arg-type]


def test_a_megabyte_of_text_is_stored_and_found(papers: rr.Collection) -> None:
    text = "needle " + "haystack " * 120_000
    papers.put({"id": "big", "text": text})
    for _ in range(2):
        found = papers.get("big")
        assert found is not None
        assert found["text"] == text
        assert papers.search("needle").ids.tolist() == ["big"]
        papers.flush()


def test_texts_that_say_nothing_are_stored_and_never_found(papers: rr.Collection) -> None:
    papers.put_many(
        [
            {"id": "1", "text": ""},
            {"id": "2", "text": None},
            {"id": "3"},
            {"id": "4", "text": "the of and"},
            {"id": "5", "text": "\0\u200b \n"},
        ]
    )
    papers.flush()
    assert papers.search("good").ids.tolist() == ["good"]
    found = papers.get("2")
    assert found == {"id": "2", "text": None}
    assert len(papers) == 6


@pytest.mark.parametrize("name", ["get", "delete"])
@pytest.mark.parametrize("identity", ["", 7, None, "a\ud800"])
def test_ids_to_look_up_are_checked_too(papers: rr.Collection, name: str, identity: Any) -> None:
    with pytest.raises(rr.InvalidArgument, match="id"):
        getattr(papers, name)(identity)
    assert identity not in papers


def test_vectors_of_every_sensible_form_are_taken(papers: rr.Collection) -> None:
    forms: list[Any] = [
        [3, 4],
        (3.0, 4.0),
        np.array([3, 4], dtype=np.float16),
        np.array([3, 4], dtype=np.int8),
        np.arange(10, dtype=np.float64)[3:5],
        np.array([[3, 0], [4, 0]], dtype=np.float32)[:, 0],
    ]
    for number, vector in enumerate(forms):
        papers.put({"id": str(number), "vector": vector})
        found = papers.get(str(number))
        assert found is not None
        assert found["vector"].dtype == np.float32
        assert found["vector"].tolist() == [3, 4]


def test_ids_and_texts_of_string_subclasses_are_taken_as_strings(papers: rr.Collection) -> None:
    ids = np.array(["x1", "x2"])
    papers.put_many([{"id": identity, "text": np.str_("cats")} for identity in ids])
    papers.write(rr.WriteBatch().put({"id": np.str_("x3"), "text": "cats"}).delete(np.str_("x1")))
    assert papers.search("cats").ids.tolist() == ["x2", "x3"]
    assert papers.delete(ids[1]) is True
    found = papers.get("x3")
    assert found == {"id": "x3", "text": "cats"}
    papers.flush()
    assert list(papers.ids()) == ["good", "x3"]
