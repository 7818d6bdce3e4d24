"""Hits as dicts, data frames, Arrow tables and HTML."""

from __future__ import annotations

import builtins
import pickle
import re
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow
import pytest

import rank_retrieve as rr

NOON = datetime(2021, 3, 4, 12, tzinfo=UTC)
DOCUMENTS: list[dict[str, Any]] = [
    {"id": "a", "title": "Cats & <dogs>", "year": 2021, "score": 7, "at": NOON,
     "vector": np.array([1, 2], np.float32), "tags": ["x"]},
    {"id": "b", "year": 1999.5, "title": None},
]  # fmt: skip


def hits(documents: list[dict[str, Any]] = DOCUMENTS) -> rr.Hits:
    ids = np.array([document["id"] for document in documents], dtype=object)
    scores = np.array([2.5, 1.0, 0.5][: len(documents)])
    return rr.Hits(ids, scores, document=lambda i: documents[i])


def test_dicts_hold_id_and_score_first_and_a_stored_score_under_another_name() -> None:
    first, second = hits().to_dicts()
    assert list(first) == ["id", "score", "title", "year", "document.score", "at", "vector", "tags"]
    assert first["score"] == 2.5
    assert first["document.score"] == 7
    assert second == {"id": "b", "score": 1.0, "year": 1999.5, "title": None}
    assert hits().to_dicts(fields=["year"]) == [
        {"id": "a", "score": 2.5, "year": 2021},
        {"id": "b", "score": 1.0, "year": 1999.5},
    ]


def test_a_pandas_frame_has_a_column_a_field_and_shares_the_scores() -> None:
    found = hits()
    frame = found.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["id"].tolist() == ["a", "b"]
    assert np.shares_memory(frame["score"].to_numpy(), found.scores)
    assert frame["year"].tolist() == [2021.0, 1999.5]
    assert frame["at"][0] == NOON
    assert frame["vector"][0].tolist() == [1, 2]
    assert frame["vector"][1] is None
    assert list(found.to_pandas(fields=["title"]).columns) == ["id", "score", "title"]


def test_a_polars_frame_has_typed_columns() -> None:
    frame = hits().to_polars()
    assert isinstance(frame, polars.DataFrame)
    assert frame.schema["vector"] == polars.Array(polars.Float32, 2)
    assert frame.schema["score"] == polars.Float64
    assert frame["vector"].to_list() == [[1.0, 2.0], None]
    assert frame["year"].to_list() == [2021.0, 1999.5]
    assert frame["tags"].to_list() == [["x"], None]


def test_an_arrow_table_shares_the_scores_and_holds_vectors_in_one_block() -> None:
    found = hits()
    table = found.to_arrow()
    assert isinstance(table, pyarrow.Table)
    assert np.shares_memory(table["score"].chunk(0).to_numpy(), found.scores)
    assert table.schema.field("vector").type == pyarrow.list_(pyarrow.float32(), 2)
    assert table["vector"].to_pylist() == [[1.0, 2.0], None]
    assert table["at"].to_pylist() == [NOON, None]


def test_several_vectors_of_a_document_are_lists_of_lists() -> None:
    several = hits([{"id": "a", "v": np.ones((2, 3), np.float32)}, {"id": "b", "v": None}])
    expected = [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], None]
    assert several.to_arrow()["v"].to_pylist() == expected
    assert several.to_polars()["v"].to_list() == expected
    assert several.to_pandas()["v"][0].shape == (2, 3)


def test_whoever_takes_arrow_streams_takes_hits() -> None:
    assert pyarrow.table(hits())["id"].to_pylist() == ["a", "b"]
    assert pandas.DataFrame.from_arrow(hits())["id"].tolist() == ["a", "b"]


@pytest.mark.parametrize("form", ["to_polars", "to_arrow"])
def test_a_field_of_several_types_is_named_and_fits_pandas_all_the_same(form: str) -> None:
    mixed = hits([{"id": "a", "n": 1}, {"id": "b", "n": "one"}])
    with pytest.raises(rr.InvalidArgument, match="n: is no column of one type"):
        getattr(mixed, form)()
    assert mixed.to_pandas()["n"].tolist() == [1, "one"]
    assert len(getattr(mixed, form)(fields=[])) == 2


def test_hits_without_documents_or_without_hits_are_tables_too() -> None:
    bare = rr.Hits(np.array([3, 1]), np.array([1.0, 0.5]))
    assert bare.to_dicts() == [{"id": 3, "score": 1.0}, {"id": 1, "score": 0.5}]
    assert bare.to_arrow().column_names == ["id", "score"]
    for none in (rr.Hits.empty(), hits([])):
        assert none.to_dicts() == []
        assert none.to_pandas().shape == (0, 2)
        assert none.to_polars().shape == (0, 2)
        assert none.to_arrow().shape == (0, 2)
        assert "<tbody></tbody>" in none._repr_html_()


def test_notebooks_show_a_table_with_its_text_escaped_and_cut() -> None:
    long = {"id": "c", "title": "x" * 500}
    shown = hits([*DOCUMENTS, long])._repr_html_()
    assert re.findall(r"<th[^>]*>(\w+)</th>", shown)[:3] == ["id", "score", "title"]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", shown)[:3] == [
        "a", "2.5", "Cats &amp; &lt;dogs&gt;",
    ]  # fmt: skip
    assert "vector" not in shown
    assert "x" * 119 + "…" in shown
    assert "x" * 120 not in shown


@pytest.mark.parametrize(
    ("form", "module", "extra"),
    [
        ("to_pandas", "pandas", "pandas"),
        ("to_polars", "polars", "polars"),
        ("to_arrow", "pyarrow", "arrow"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    form: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, module)
    genuine = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name == module:
            raise ModuleNotFoundError(name=name)
        return genuine(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    monkeypatch.setattr(
        "rank_retrieve._extras.import_module",
        lambda name: importing(name),
    )
    with pytest.raises(rr.RankRetrieveError, match=rf"pip install 'rank-retrieve\[{extra}\]'"):
        getattr(hits(), form)()


@pytest.mark.parametrize("fields", ["title", 3, [1]])
def test_fields_are_a_list_of_names(fields: Any) -> None:
    for form in ("to_dicts", "to_pandas", "to_polars", "to_arrow"):
        with pytest.raises(rr.InvalidArgument, match="fields"):
            getattr(hits(), form)(fields=fields)


def test_hits_keep_plan_timings_groups_and_offset_when_pickled() -> None:
    found = rr.Hits(
        np.array(["a", "b", "c"], dtype=object), np.array([3.0, 2.0, 1.0]), offset=4,
        plan=lambda: {"mode": "lexical"}, group_values=["x", "x", None], timings={"total": 0.5},
        collections=["one", "one", "two"],
    )  # fmt: skip
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own bytes
    assert again.plan == {"mode": "lexical"}
    assert again.timings == {"total": 0.5}
    assert [(g.value, [hit.rank for hit in g.hits]) for g in again.groups] == [
        ("x", [5, 6]),
        (None, [7]),
    ]
    assert [hit.collection for hit in again] == ["one", "one", "two"]


def test_a_page_of_documents_is_a_table_without_scores() -> None:
    collection = rr.open(":memory:").create_collection("papers", fields={"text": rr.Text()})
    collection.put_many([{"id": "a", "text": "x", "n": 1}, {"id": "b", "score": 2}])
    page = collection.find()
    assert page.to_dicts(fields=["score"]) == [{"id": "a"}, {"id": "b", "score": 2}]
    assert page.to_pandas()["n"].tolist()[0] == 1
    assert page.to_polars().columns == ["id", "text", "n", "score"]
    assert pyarrow.table(page)["id"].to_pylist() == ["a", "b"]
    heads = re.findall(r"<th[^>]*>(\w+)</th>", page._repr_html_())
    assert heads == ["id", "text", "n", "score"]
