"""Databases of every released format open, read and write, with the answers that they gave.

The files under `format-*` are frozen: they were made once by `make_golden.py` and are never made
again. What they hold is written out here, so that reader and writer cannot be wrong together.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr

COMPAT = Path(__file__).parent

FILES = {
    "format-1": {
        "deletions-0000000006.rrs": "4f3d904baee9276bf82899c698e92b7a",
        "encoder-0000000001.rrs": "d37b57aabf7eff27e55f0c8700e718ac",
        "manifest": "a8833a2032075ff94e2f3051f3daf84f",
        "segment-0000000002.rrs": "dc4e9ff49e31311ca9dfa5b46d43bde1",
        "segment-0000000003.rrs": "0f44245c5b67c71f7dbe95398561ef38",
        "segment-0000000005.rrs": "10b5d8dea74a6947d9b6631263842f58",
        "wal-0000000004.log": "e624cad3433e3ab85bd2ba1c78921361",
    },
    "format-1-words": {
        "deletions-0000000010.rrs": "4f3d904baee9276bf82899c698e92b7a",
        "encoder-0000000001.rrs": "d37b57aabf7eff27e55f0c8700e718ac",
        "manifest": "e57463a97f465eb2587b805a780dbe84",
        "segment-0000000002.rrs": "0638eef7c48c2d1a397ca9d0eb25fe8e",
        "segment-0000000003.rrs": "9cb09f8498e9bd666aa196ea2d4262ab",
        "segment-0000000005.rrs": "540fe4c390df8a0d33b3ed2b9fa4695c",
        "segment-0000000009.rrs": "97ebaadc4ba85fdbfa5a00f277762669",
        "wal-0000000006.log": "c6340ac3675efd8022a36dcbcd74f779",
    },
}
BOOKS = [
    {
        "id": "b1", "title": "The Cat", "text": "A cat sat on the mat.", "vector": [1.0, 0.0],
        "year": 1999, "tags": ["pets", "home"], "author": {"name": "Ada"},
    },
    {"id": "b5", "title": "Größe", "text": "Ünïcödé und 東京 cats.", "year": None, "score": 1.5},
    {
        "id": "b2", "title": "The Dog", "text": "A dog sleeps.",
        "vector": [0.6000000238418579, 0.800000011920929], "year": 2006,
    },
    {
        "id": "b6", "title": "Log", "text": "A cat in the log.",
        "vector": [0.800000011920929, 0.6000000238418579],
    },
    {"id": "b7", "title": "Cat", "year": 2020},
]  # fmt: skip
NOTES = [
    {"id": "n0", "note": "red apple pie"},
    {"id": "n1", "note": "green apple tart"},
    {"id": "n2", "note": "blue sky today"},
    {"id": "n3", "note": "the sky is grey"},
    {"id": "n4", "note": "apple sky"},
]


def plain(collection: rr.Collection) -> list[dict[str, Any]]:
    with collection.snapshot() as view:
        return [
            {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in found.items()}
            for found in view.documents()
        ]


def pairs(hits: rr.Hits) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in hits]


def check(db: rr.Database) -> None:
    assert db.verify().ok
    assert db.list_collections()[:2] == ["books", "notes"]
    if db.list_collections()[2:]:
        check_stories(db.get_collection("stories"))
    books, notes = db.get_collection("books"), db.get_collection("notes")
    assert plain(books) == BOOKS
    assert plain(notes) == NOTES
    # lexical scores are exact on every machine
    assert pairs(books.search("cats", mode="lexical")) == [
        ("b7", 0.21086644008755684),
        ("b1", 0.19742887280881405),
        ("b6", 0.1333625502884388),
        ("b5", 0.11125825997442007),
    ]
    assert pairs(books.search("dog sleeping", mode="lexical")) == [("b2", 1.6430716291069984)]
    assert pairs(books.search("東京", mode="lexical")) == [("b5", 0.5361359417438507)]
    assert pairs(notes.search("apple", mode="lexical")) == [
        ("n4", 0.28368236869573593),
        ("n0", 0.24499841034412384),
        ("n1", 0.24499841034412384),
    ]
    hits = books.search(vector=[0.6, 0.8])
    assert hits.ids.tolist() == ["b2", "b6", "b1"]
    assert hits.scores.tolist() == pytest.approx([1.0, 0.96, 0.6], abs=1e-6)
    assert pairs(books.search("cat", vector=[0.6, 0.8])) == [
        ("b1", 0.03200204813108039),
        ("b6", 0.03200204813108039),
        ("b2", 0.01639344262295082),
        ("b7", 0.01639344262295082),
        ("b5", 0.015625),
    ]
    hits = notes.search("sky", mode="dense")  # through the stored encoder
    assert hits.ids.tolist()[:3] == ["n3", "n2", "n4"]
    assert hits.scores.tolist() == pytest.approx(
        [0.986683, 0.976755, 0.660550, 0.152932, 0.152932], abs=1e-5
    )
    found = books.search("cat", mode="lexical", where={"year": {"$gte": 2000}})
    assert found.ids.tolist() == ["b7"]
    counts = [{"author.name": "Ada"}, {"tags": "pets"}, {"year": {"$exists": True}}]
    assert [books.count(where) for where in counts] == [1, 1, 4]


def check_stories(stories: rr.Collection) -> None:
    """Of a merged segment, whose documents are coded as words; in `format-1-words`."""
    found = plain(stories)
    assert [document["id"] for document in found] == [f"s{i}" for i in range(41) if i != 7]
    assert found[6] == {
        "id": "s6",
        "text": "Ben writes a letter to the editor while the kettle boils."
        " Chloé listens to the rain in the morning."
        " Dmitri reads a book about the sea while the kettle boils.",
        "page": 6,
        "東京": "雨雨",
    }
    assert stories.get("s40") == found[-1]
    hits = stories.search("kettle letters", k=3, mode="lexical")
    assert hits.ids.tolist() == ["s14", "s34", "s2"]
    assert stories.count({"東京": "雨"}) == 10


@pytest.fixture(params=FILES)
def golden(request: pytest.FixtureRequest) -> Path:
    return COMPAT / str(request.param)


def test_the_golden_files_are_those_that_were_frozen(golden: Path) -> None:
    found = {
        file.name: hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
        for file in golden.iterdir()
    }
    assert found == FILES[golden.name]


def test_every_golden_database_is_listed() -> None:
    assert {path.name for path in COMPAT.glob("format-*")} == set(FILES)


def test_a_golden_database_is_read_with_its_documents_scores_and_vectors(golden: Path) -> None:
    with rr.open(golden, mode="r") as db:
        check(db)
    test_the_golden_files_are_those_that_were_frozen(golden)


def test_documents_are_stored_as_the_name_says(golden: Path) -> None:
    with rr.open(golden, mode="r") as db:
        stores: Any = [
            part.visible.segment.bodies
            for store in db._engine.state.stores.values()
            for part in store.disk
        ]
        coded = [bool(store.words) for store in stores]
        flagged = ["documents.words" in store._sections for store in stores]
    assert any(coded) == all(flagged) == (golden.name == "format-1-words")


@pytest.mark.parametrize("times", [1, 2])
def test_a_golden_database_is_taken_over_by_a_writer(
    golden: Path, tmp_path: Path, times: int
) -> None:
    shutil.copytree(golden, tmp_path / "db")
    for _ in range(times):
        with rr.open(tmp_path / "db") as db:
            check(db)
    with rr.open(tmp_path / "db") as db:
        books = db.get_collection("books")
        books.put({"id": "b8", "title": "New", "text": "A new zebra.", "vector": [1.0, 0.0]})
        db.get_collection("notes").put({"id": "n5", "note": "sky apple"})
        assert books.delete("b1")
        db.flush()
    with rr.open(tmp_path / "db", mode="r") as db:
        assert db.verify().ok
        books = db.get_collection("books")
        assert list(books.ids()) == ["b5", "b2", "b6", "b7", "b8"]
        assert books.search("zebras").ids.tolist() == ["b8"]


def test_a_golden_database_is_merged_into_the_form_of_today(golden: Path, tmp_path: Path) -> None:
    shutil.copytree(golden, tmp_path / "db")
    with rr.open(tmp_path / "db", compaction="manual") as db:
        db.compact()
        check(db)
        assert [len(store.disk) for store in db._engine.state.stores.values()] == [1] * len(
            db._engine.state.stores
        )
        assert all(
            store.disk[0].visible.segment.small for store in db._engine.state.stores.values()
        )


def test_a_golden_database_can_be_backed_up_restored_and_repaired(
    golden: Path, tmp_path: Path
) -> None:
    rr.backup(golden, tmp_path / "a.rra")
    rr.restore(tmp_path / "a.rra", tmp_path / "restored")
    report = rr.repair(golden, tmp_path / "repaired")
    assert report.complete
    for name in ("restored", "repaired"):
        with rr.open(tmp_path / name) as db:
            check(db)
