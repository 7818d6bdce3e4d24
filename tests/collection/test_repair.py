"""What a repair saves of a damaged database, and what it says about the rest."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import FSDirectory, MemoryDirectory, SegmentReader
from rank_retrieve.persistence.wal_format import FILE_HEADER_SIZE, FRAME_HEADER_SIZE, padded

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}


def document(i: int) -> dict[str, Any]:
    return {"id": str(i), "text": f"cat number {i}", "vector": [i + 1.0, 1.0], "n": i}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as its killed writer left it.

    c: documents 0..4 and 5..9 in a segment each, 3 deleted, then 10..14 in one frame each of
    the log, the last of which deletes 0. other: one document.
    """
    live, path = (tmp_path_factory.mktemp("repair") / name for name in ("live", "db"))
    db = rr.open(live)
    other = db.create_collection("other", fields={"title": rr.Text(analyzer="german")})
    other.put({"id": "o", "title": "Ein Haus"})
    documents = db.create_collection("c", fields=FIELDS)
    for start in (0, 5):
        documents.put_many(document(i) for i in range(start, start + 5))
        db.flush()
    documents.delete("3")
    db.flush()
    for i in range(10, 14):
        documents.put(document(i))
    documents.write(rr.WriteBatch().put(document(14)).delete("0"))
    shutil.copytree(live, path, ignore=lambda _, names: {"lock"} & set(names))
    db.close()
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "db")
    return tmp_path / "db"


ALL = ["1", "2", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"]


def files(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def named(path: Path, kind: str) -> list[Path]:
    return sorted(path.glob(f"{kind}-*"))


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 0x55
    file.write_bytes(bytes(data))


def flip_section(file: Path, section: str) -> None:
    reader = SegmentReader.open(FSDirectory(file.parent), file.name, kind=None)
    offset, size, _ = reader._entries[section]
    flip(file, offset + size // 2)


def frames(file: Path) -> list[tuple[int, int]]:
    """Start and end of each frame of a log file."""
    data, found, at = file.read_bytes(), [], FILE_HEADER_SIZE
    while data[at : at + 8].strip(b"\0"):
        length = int.from_bytes(data[at + 8 : at + 12], "little")
        found.append((at, at + FRAME_HEADER_SIZE + padded(length)))
        at = found[-1][1]
    return found


def saved(path: Path, damage: Callable[[Path], None]) -> tuple[rr.Database, Any]:
    """The repaired copy, open for reading; the damaged one is unchanged."""
    damage(path)
    before = files(path)
    target = path.parent / "saved"
    report = rr.repair(path, target)
    assert files(path) == before
    db = rr.open(target, mode="r")
    assert db.verify().ok
    assert db.report.findings == []
    assert report.documents == {n: len(db.get_collection(n)) for n in db.list_collections()}
    return db, report


def test_a_sound_database_is_copied_whole(path: Path) -> None:
    db, report = saved(path, lambda _: None)
    assert report.complete
    assert report.lost == report.uncertain == []
    assert report.documents == {"c": 13, "other": 1}
    assert list(db.get_collection("c").ids()) == ALL
    with rr.open(path, mode="r") as before:
        for query in ("cat", "number 12"):
            first, second = (
                d.get_collection("c").search(query, vector=[3, 1], k=20) for d in (before, db)
            )
            assert first.ids.tolist() == second.ids.tolist()
            assert first.scores.tolist() == second.scores.tolist()
        found = db.get_collection("c").get("12")
    assert found is not None
    assert found.pop("vector").tolist() == [13.0, 1.0]
    assert found == {"id": "12", "text": "cat number 12", "n": 12}
    assert db.get_collection("other").search("Häuser").ids.tolist() == ["o"]
    assert "nothing was lost" in str(report)


def test_frames_after_damage_in_the_middle_of_the_log_are_saved(path: Path) -> None:
    def damage(path: Path) -> None:
        (log,) = named(path, "wal")
        flip(log, frames(log)[1][0] + FRAME_HEADER_SIZE + 3)

    damage_once = damage
    db, report = saved(path, damage_once)
    with pytest.raises(rr.CorruptionError):
        rr.open(path, mode="r")
    assert list(db.get_collection("c").ids()) == [i for i in ALL if i != "11"]
    assert report.log_frames == 4
    (lost,) = report.lost
    assert "LSN 16 is lost" in lost or "is lost" in lost
    assert report.uncertain == []


def test_frames_that_are_in_segments_already_are_not_put_again(tmp_path: Path) -> None:
    db = rr.open(tmp_path / "live")
    documents, other = (db.create_collection(n, fields={"text": rr.Text()}) for n in "co")
    documents.put({"id": "1", "text": "cat"})
    other.put({"id": "2", "text": "dog"})
    documents.flush()
    shutil.copytree(tmp_path / "live", tmp_path / "db")
    db.close()
    report = rr.repair(tmp_path / "db", tmp_path / "saved")
    assert report.complete
    assert (report.log_frames, report.documents) == (1, {"c": 1, "o": 1})


def test_a_log_without_its_header_still_gives_its_frames(path: Path) -> None:
    db, report = saved(path, lambda path: flip(named(path, "wal")[0], 20))
    assert list(db.get_collection("c").ids()) == ALL
    assert report.lost == []


def test_a_missing_log_is_said_to_be_lost(path: Path) -> None:
    db, report = saved(path, lambda path: named(path, "wal")[0].unlink())
    assert list(db.get_collection("c").ids()) == ["0", "1", "2", "4", "5", "6", "7", "8", "9"]
    assert "the log" in report.lost[0]


def test_a_torn_end_of_the_log_is_uncertain_and_not_lost(path: Path) -> None:
    def damage(path: Path) -> None:
        (log,) = named(path, "wal")
        log.write_bytes(log.read_bytes()[: frames(log)[-1][1] - 5])

    db, report = saved(path, damage)
    assert list(db.get_collection("c").ids()) == ["0", *ALL[:-1]]
    assert report.lost == []
    assert "perhaps LSN" in report.uncertain[0]


def section_start(file: Path, section: str) -> int:
    reader = SegmentReader.open(FSDirectory(file.parent), file.name, kind=None)
    return int(reader._entries[section][0])


def test_a_segment_without_its_table_of_contents_is_found_by_the_shape_of_its_sections(
    path: Path,
) -> None:
    def damage(path: Path) -> None:
        for file in named(path, "segment"):
            file.write_bytes(file.read_bytes()[:-40])

    db, report = saved(path, damage)
    documents = db.get_collection("c")
    assert list(documents.ids()) == ALL
    for i in (1, 4, 7):
        found = documents.get(str(i))
        assert found is not None
        assert found.pop("vector").tolist() == [i + 1.0, 1.0]
        assert found == {"id": str(i), "text": f"cat number {i}", "n": i}
    assert report.lost == []
    assert sorted(report.unproven["c"]) == ["1", "2", "4", "5", "6", "7", "8", "9"]
    assert list(db.get_collection("other").ids()) == ["o"]
    assert report.unproven["other"] == ["o"]


def test_a_segment_cut_before_its_bodies_costs_its_documents_only(path: Path) -> None:
    def damage(path: Path) -> None:
        file = named(path, "segment")[-1]
        file.write_bytes(file.read_bytes()[: section_start(file, "documents") + 3])

    db, report = saved(path, damage)
    assert list(db.get_collection("c").ids()) == ["1", "2", "4", "10", "11", "12", "13", "14"]
    assert sum("whose body is damaged" in line for line in report.lost) == 5


def test_a_segment_cut_before_its_ids_is_lost_whole_and_named(path: Path) -> None:
    def damage(path: Path) -> None:
        file = named(path, "segment")[-1]
        file.write_bytes(file.read_bytes()[: section_start(file, "ids.hashes")])

    name = named(path, "segment")[-1].name
    db, report = saved(path, damage)
    assert list(db.get_collection("c").ids()) == ["1", "2", "4", "10", "11", "12", "13", "14"]
    assert name in report.lost[0]
    assert "all its documents" in report.lost[0]


def prose(i: int) -> dict[str, Any]:
    return {"id": str(i), "text": f"the cat of the house sat on mat number {i} " * 9, "n": i}


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    """A database of one merged segment, with documents coded as words."""
    with rr.open(tmp_path / "db") as db:
        documents = db.create_collection("c", fields=FIELDS)
        for start in (0, 150):
            documents.put_many(prose(i) for i in range(start, start + 150))
            documents.flush()
        documents.compact()
        (part,) = db._engine.state.stores["c"].disk
        assert len(part.visible.segment.bodies.words) > 5  # type: ignore[attr-defined]
    return tmp_path / "db"


@pytest.mark.parametrize("cut_before", ["", "columns.0", "columns", "documents.first"])
def test_documents_coded_as_words_are_found_without_a_table_of_contents(
    merged: Path, cut_before: str
) -> None:
    def damage(path: Path) -> None:
        (file,) = named(path, "segment")
        end = section_start(file, cut_before) if cut_before else -40
        file.write_bytes(file.read_bytes()[:end])

    db, report = saved(merged, damage)
    assert list(db.get_collection("c").documents()) == [prose(i) for i in range(300)]
    assert report.lost == []
    assert len(report.unproven["c"]) == 300


def test_a_damaged_table_of_words_costs_the_bodies_and_is_named(merged: Path) -> None:
    def damage(path: Path) -> None:
        (file,) = named(path, "segment")
        flip(file, section_start(file, "documents.words") + 30)

    db, report = saved(merged, damage)
    assert len(db.get_collection("c")) == 0
    assert any("'documents.words'" in line for line in report.lost)


def test_a_missing_segment_is_named(path: Path) -> None:
    gone = named(path, "segment")[-1].name
    db, report = saved(path, lambda path: (path / gone).unlink())
    assert gone in report.lost[0]
    assert list(db.get_collection("c").ids()) == ["1", "2", "4", "10", "11", "12", "13", "14"]


@pytest.mark.parametrize(
    "section", ["columns", "ids.hashes", "ids.docs", "terms.fst.text0", "vectors.vector.norms"]
)
def test_damage_to_what_can_be_built_again_costs_no_document(path: Path, section: str) -> None:
    file = named(path, "segment")[-1]
    names = SegmentReader.open(FSDirectory(path), file.name, kind=None).section_names
    matching = [name for name in names if name.startswith(section)]
    assert matching
    db, report = saved(path, lambda path: flip_section(path / file.name, matching[-1]))
    assert list(db.get_collection("c").ids()) == ALL
    if section.startswith("vectors"):
        assert "not their documents" in report.lost[0]
        found = db.get_collection("c").get("7")
        assert found is not None
        assert "vector" not in found
    else:
        assert report.lost == []


def test_damaged_ids_are_checked_against_their_hashes(path: Path) -> None:
    db, report = saved(path, lambda path: flip_section(named(path, "segment")[-1], "ids"))
    found = list(db.get_collection("c").ids())
    assert found == [i for i in ALL if i != "7"]
    assert "document 2, whose id is damaged" in report.lost[0]


def test_bodies_without_a_checksum_are_saved_and_named_as_unproven(path: Path) -> None:
    db, report = saved(path, lambda path: flip_section(named(path, "segment")[-1], "documents"))
    kept = set(db.get_collection("c").ids())
    in_segment = {"5", "6", "7", "8", "9"}
    assert kept >= set(ALL) - in_segment
    assert set(report.unproven.get("c", [])) == kept & in_segment
    assert not report.complete
    assert len(report.lost) + len(kept & in_segment) >= 5


def test_deletions_that_are_damaged_bring_documents_back_and_say_so(path: Path) -> None:
    db, report = saved(path, lambda path: flip_section(named(path, "deletions")[0], "live"))
    assert set(db.get_collection("c").ids()) == {*ALL, "3"}
    assert "may be back" in report.uncertain[0]


def test_a_manifest_with_a_flipped_byte_is_still_read_where_it_can_be(path: Path) -> None:
    def damage(path: Path) -> None:
        file = path / "manifest"
        data = file.read_bytes()
        place = data.index(b'"generation":') + len(b'"generation":')
        file.write_bytes(data[:place] + b"7" + data[place + 1 :])

    db, report = saved(path, damage)
    assert list(db.get_collection("c").ids()) == ALL
    assert report.lost == []
    assert "the manifest is damaged" in report.uncertain[0]


def test_a_manifest_that_is_no_json_gives_the_collections_that_still_read(path: Path) -> None:
    def damage(path: Path) -> None:
        file = path / "manifest"
        data = file.read_bytes()
        place = data.index(b'"name":"other"')
        file.write_bytes(data[:place] + b"\xff" + data[place + 1 :])

    db, report = saved(path, damage)
    assert list(db.get_collection("c").ids()) == ALL
    assert list(db.get_collection("recovered").ids()) == ["o"]
    assert db.get_collection("recovered").get("o") == {"id": "o", "title": "Ein Haus"}
    assert any("'recovered' is a guess" in line for line in report.uncertain)


def test_without_a_manifest_documents_are_saved_from_segments_and_log(path: Path) -> None:
    db, report = saved(path, lambda path: (path / "manifest").unlink())
    everything: dict[str, Any] = {}
    for name in db.list_collections():
        everything |= {d["id"]: d for d in db.get_collection(name).documents()}
    assert set(everything) >= {*ALL, "o"}
    assert everything["12"]["text"] == "cat number 12"
    assert everything["12"]["vector"].tolist() == [13.0, 1.0]
    assert everything["7"]["n"] == 7
    assert "the manifest is not there" in report.uncertain[0]
    name = next(n for n in db.list_collections() if "7" in db.get_collection(n))
    assert db.get_collection(name).search("cats", mode="lexical", k=30).ids.tolist()
    assert db.get_collection(name).count({"n": {"$gte": 5}}) >= 5


def test_a_checkpoint_vouches_for_the_collections_of_a_lost_manifest(
    sound: Path, tmp_path: Path
) -> None:
    shutil.copytree(sound, tmp_path / "db")
    with rr.open(tmp_path / "db") as db:
        db.checkpoint("kept")
        db.get_collection("c").put(document(50))
        db.flush()
    db, report = saved(tmp_path / "db", lambda path: (path / "manifest").unlink())
    assert db.list_collections() == ["c", "other"]
    assert set(db.get_collection("c").ids()) == {*ALL, "50"}
    assert db.get_collection("other").schema.texts["title"].analyzer == "german"
    assert any("checkpoint kept" in line for line in report.uncertain)


def test_a_trained_encoder_is_saved_and_a_damaged_one_takes_its_vectors_along(
    tmp_path: Path,
) -> None:
    texts = ["a cat sat", "a dog ran", "cats and dogs", "birds sing", "a bird flew", "dogs run"]
    with rr.open(tmp_path / "db") as db:
        made = db.create_collection("c", fields={"text": rr.Text()}, encoder=rr.LSAEncoder(dim=2))
        made.put_many({"id": str(i), "text": text} for i, text in enumerate(texts))
        made.fit_encoder()
        expected = made.search("cat", mode="dense").ids.tolist()
    rr.repair(tmp_path / "db", tmp_path / "one")
    with rr.open(tmp_path / "one", mode="r") as db:
        assert db.get_collection("c").search("cat", mode="dense").ids.tolist() == expected
    (encoder,) = named(tmp_path / "db", "encoder")
    flip(encoder, encoder.stat().st_size // 2)
    report = rr.repair(tmp_path / "db", tmp_path / "two")
    assert "fit_encoder" in report.lost[0]
    with rr.open(tmp_path / "two") as db:
        again = db.get_collection("c")
        assert len(again) == 6
        assert again.fit_encoder() == 6
        assert again.search("cat", mode="dense").ids.tolist() == expected


def test_the_target_is_new_and_outside(path: Path) -> None:
    (path.parent / "mine").mkdir()
    (path.parent / "mine" / "file").write_text("mine")
    before = files(path)
    for target in (path, path / "new", path.parent / "mine"):
        with pytest.raises(rr.InvalidArgument):
            rr.repair(path, target)
    assert files(path) == before
    with pytest.raises(rr.NotFound):
        rr.repair(path.parent / "mine", path.parent / "new")
    with pytest.raises(rr.NotFound):
        rr.repair(path.parent / "nowhere", path.parent / "new")
    assert sorted(f.name for f in path.parent.iterdir()) == ["db", "mine"]


def test_whatever_byte_is_flipped_repair_ends_and_what_it_keeps_was_put(path: Path) -> None:
    known = {d["id"]: d for d in [*(document(i) for i in range(15)), {"id": "o"}]}
    for file in sorted(path.iterdir()):
        if file.name == "lock":
            continue
        data = file.read_bytes().rstrip(b"\0")
        for place in range(5, len(data), max(1, len(data) // 4)):
            flip(file, place)
            target = path.parent / "saved"
            report = rr.repair(path, target)
            doubtful = {identity for ids in report.unproven.values() for identity in ids}
            with rr.open(target, mode="r") as db:
                for name in db.list_collections():
                    for found in db.get_collection(name).documents():
                        if found["id"] in doubtful or name == "other" or found["id"] == "o":
                            continue
                        assert found["text"] == known[found["id"]]["text"]
                        assert found["n"] == known[found["id"]]["n"]
            shutil.rmtree(target)
            flip(file, place)


def test_the_doctor_finds_a_sound_database_sound(path: Path) -> None:
    before = files(path)
    found = rr.diagnose(path)
    assert found.ok
    assert found.problems == found.advice == []
    assert [step.name for step in found.report.steps][:2] == ["identify", "select"]
    assert "every byte is what was written" in str(found)
    assert files(path) == before


def test_the_doctor_says_what_is_damaged_and_what_can_be_done(path: Path) -> None:
    with rr.open(path) as db:
        db.checkpoint("kept")
    file = named(path, "segment")[0]
    flip_section(file, "documents")
    found = rr.diagnose(path)
    assert not found.ok
    assert file.name in found.problems[0]
    assert found.advice == [
        f"go back to checkpoint 'kept': `rank-retrieve restore {path}/checkpoints/kept TARGET`",
        f"save what is readable into a new directory: `rank-retrieve repair {path} TARGET`",
    ]
    (path / "manifest").unlink()
    assert "manifest" in rr.diagnose(path).problems[0]
    assert rr.diagnose(path).to_dict()["checkpoints"] == ["kept"]


def test_the_doctor_calls_a_torn_log_a_note_and_no_damage(path: Path) -> None:
    (log,) = named(path, "wal")
    log.write_bytes(log.read_bytes()[: frames(log)[-1][1] - 5])
    found = rr.diagnose(path)
    assert found.ok
    assert "nor a sign that one was synced" in found.notes[0]
    with pytest.raises(rr.NotFound):
        rr.diagnose(path.parent / "nowhere")


def test_vectors_of_an_encoder_that_nothing_is_known_of_count_as_put(tmp_path: Path) -> None:
    directory = MemoryDirectory()
    db = rr.open(directory, compaction="manual")
    toy = rr.CallableEncoder(lambda texts: [[1.0, 2.0]] * len(texts), dim=2, name="toy")
    fields: dict[str, Any] = {"text": rr.Text(), "v": rr.Vector(2)}
    documents = db.create_collection("c", fields=fields, encoder=toy)
    documents.put({"id": "a", "text": "cat"})
    db.flush()
    documents.put({"id": "b", "text": "dog"})
    files = {name: raw for name, raw in directory.files().items() if name[:8] != "manifest"}
    rr.repair(MemoryDirectory(files), tmp_path / "saved")
    with rr.open(tmp_path / "saved", mode="r") as saved:
        assert saved.verify().ok
        (name,) = saved.list_collections()
        for identity in "ab":
            assert saved.get_collection(name).get(identity)["v"].tolist() == [1.0, 2.0]
