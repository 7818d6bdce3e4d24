"""Documents that go out come back the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve.interchange import read_documents, write_documents

ENDINGS = [".jsonl", ".jsonl.gz", ".parquet"]

MIXED: list[dict[str, Any]] = [
    {
        "id": "a",
        "title": "A title",
        "text": "Some text, ünïcödé",
        "vector": np.array([0.1, -2.5, 3e-8], dtype=np.float32),
        "year": 2021,
        "at": datetime(2021, 5, 6, 7, 8, 9, 123456, tzinfo=UTC),
        "raw": b"\x00\xff",
        "nested": {"name": "x", "list": [1, 2.5, None, {"deep": b"\x01"}]},
        "flag": True,
        "mixed": 1,
        "nothing": None,
        "id_": "not the id",
    },
    {
        "id": "b",
        "text": None,
        "year": -(2**63),
        "at": datetime(2021, 5, 6, tzinfo=timezone(timedelta(hours=3))),
        "mixed": "one",
        "flag": False,
        "empty": [],
        "numbers": [1.5, 2.5],
    },
    {"id": "c", "mixed": 1.0, "title": "", "when": [datetime(1, 1, 1, tzinfo=UTC)]},
]


def plain(documents: Any) -> list[dict[str, Any]]:
    return [
        {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in document.items()}
        for document in documents
    ]


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types: 1 is not 1.0, and not True."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


@pytest.mark.parametrize("ending", ENDINGS)
def test_documents_of_every_type_come_back(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"out{ending}"
    assert write_documents(lambda: MIXED, file) == 3
    found = plain(read_documents(file))
    for got, expected in zip(found, plain(MIXED), strict=True):
        if "vector" in expected:
            assert np.array(got.pop("vector"), dtype=np.float32).tolist() == expected.pop("vector")
        if "numbers" in expected:
            assert got.pop("numbers") == expected.pop("numbers")
        assert same(got, expected)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_collection_comes_back_whole(ending: str, tmp_path: Path) -> None:
    fields = {"title": rr.Text(), "text": rr.Text(), "vector": rr.Vector(3)}
    with rr.open(":memory:") as db:
        first = db.create_collection("first", fields=fields)
        first.put_many(MIXED)
        first.put({"id": "gone"})
        first.delete("gone")
        assert first.export(tmp_path / f"all{ending}") == 3
        second = db.create_collection("second", fields=fields)
        assert second.put_many(rr.read_documents(tmp_path / f"all{ending}")) == 3
        assert list(second.ids()) == list(first.ids())
        for got, expected in zip(plain(second.documents()), plain(first.documents()), strict=True):
            assert same(got, expected)
        left, right = (c.search("title text", k=3, mode="lexical") for c in (first, second))
        assert left.ids.tolist() == right.ids.tolist()
        assert left.scores.tolist() == right.scores.tolist()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.binary(max_size=8)
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(
    documents=st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "_c", "text"]), values, max_size=4),
        min_size=1,
        max_size=5,
    )
)
@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_any_metadata_comes_back(
    ending: str, documents: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    given_ = [
        {"id": str(n), **{k: v for k, v in d.items() if k != "text" or isinstance(v, str)}}
        for n, d in enumerate(documents)
    ]
    file = tmp_path_factory.mktemp("any") / f"out{ending}"
    write_documents(lambda: given_, file)
    found = list(read_documents(file))
    assert same(plain(found), given_), (found, given_)


def test_the_bytes_of_jsonl_are_these(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    at = datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC)
    document = {"id": "a", "v": np.array([0.5], np.float32), "at": at, "raw": b"\0\1"}
    write_documents(lambda: [document], file)
    assert file.read_bytes() == (
        b'{"id":"a","v":[0.5],"at":{"$date":"2021-05-06T07:08:09Z"},'
        b'"raw":{"$binary":{"base64":"AAE=","subType":"00"}}}\n'
    )


def test_parquet_has_columns_for_plain_types_and_one_for_the_rest(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "out.parquet"
    write_documents(lambda: MIXED, file)
    schema = pq.read_schema(file)
    assert {field.name: str(field.type) for field in schema} == {
        "id": "string",
        "title": "string",
        "vector": "fixed_size_list<element: float>[3]",
        "year": "int64",
        "at": "timestamp[us, tz=UTC]",
        "raw": "binary",
        "flag": "bool",
        "id_": "string",
        "_rest": "string",
    }


def test_a_file_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("mine")
    with pytest.raises(rr.AlreadyExists):
        write_documents(lambda: MIXED, file)
    assert file.read_text() == "mine"
    assert write_documents(lambda: MIXED, file, overwrite=True) == 3


def test_what_fails_half_way_leaves_no_file(tmp_path: Path) -> None:
    def failing() -> Any:
        yield MIXED[0]
        raise RuntimeError("half way")

    for ending in ENDINGS:
        with pytest.raises(RuntimeError, match="half way"):
            write_documents(failing, tmp_path / f"out{ending}")
    assert list(tmp_path.iterdir()) == []


def test_an_ending_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(rr.InvalidArgument, match=r"\.jsonl, \.jsonl\.gz, \.parquet"):
        write_documents(lambda: MIXED, tmp_path / "out.xml")


def test_the_command_line_exports_what_it_indexed(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from rank_retrieve.cli.app import app

    source, index = tmp_path / "in.jsonl", str(tmp_path / "index")
    source.write_text('{"id": "a", "title": "T", "text": "x", "year": 2021}\n')
    run = CliRunner().invoke
    assert run(app, ["index", str(source), "--index", index]).exit_code == 0
    done = run(app, ["export", index, str(tmp_path / "out.jsonl"), "--json"])
    assert done.exit_code == 0, done.output
    assert '"documents":1' in done.output.replace(" ", "")
    assert (tmp_path / "out.jsonl").read_text() == (
        '{"id":"a","title":"T","text":"x","year":2021}\n'
    )
    again = run(app, ["export", index, str(tmp_path / "out.jsonl")])
    assert again.exit_code == 1
    assert "overwrite" in again.output
