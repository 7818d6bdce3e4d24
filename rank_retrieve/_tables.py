"""Hits and documents as tables: plain dicts, pandas, polars, Arrow, and HTML for notebooks.

    id    score   then one column for each field of the documents, in order of first appearance

The scores go over as the array that they are, and so does a column of vectors as one block of
floats. A field that is called like one of the leading columns gets "document." before its name;
no field has such a name of its own, since keys hold no dots.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rank_retrieve._extras import require
from rank_retrieve._rendering import html_table
from rank_retrieve.errors import InvalidArgument

Columns: TypeAlias = dict[str, Any]

ID, SCORE = "id", "score"
MAX_CELL_CHARACTERS = 120


class Tabular(ABC):
    """What can be made into a table.

    Every method takes `fields`, the names of the documents' top-level fields that are wanted, by
    default all, and raises InvalidArgument for what is no list of names.
    """

    @abstractmethod
    def _leading_columns(self) -> Columns:
        """The columns before the fields, the id among them."""

    @abstractmethod
    def _all_documents(self) -> Sequence[Mapping[str, Any]] | None:
        """A document for each row; None where there are none."""

    def to_dicts(self, fields: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """A dict for each row: id, score, then the fields that its document has.

        A stored field named "score" is called "document.score" here.
        """
        wanted = _check_fields(fields)
        leading = self._leading_columns()
        columns = [values.tolist() if _is_array(values) else values for values in leading.values()]
        rows = [dict(zip(leading, cells, strict=True)) for cells in zip(*columns, strict=True)]
        for row, document in zip(rows, self._all_documents() or (), strict=False):
            for name, value in document.items():
                if name != ID and (wanted is None or name in wanted):
                    row[_column_name(name, leading)] = value
        return rows

    def to_pandas(self, fields: Sequence[str] | None = None) -> Any:
        """A `pandas.DataFrame`; scores are not copied, mixed types stay Python objects.

        Needs `pip install 'rank-retrieve[pandas]'`, else raises MissingExtra.
        """
        return to_pandas(self._columns(fields))

    def to_polars(self, fields: Sequence[str] | None = None) -> Any:
        """A `polars.DataFrame`. Needs `pip install 'rank-retrieve[polars]'`.

        Raises InvalidArgument, naming it, for a field of several types.
        """
        return to_polars(self._columns(fields))

    def to_arrow(self, fields: Sequence[str] | None = None) -> Any:
        """A `pyarrow.Table`; scores are not copied. Needs `pip install 'rank-retrieve[arrow]'`.

        Raises InvalidArgument, naming it, for a field of several types.
        """
        return to_arrow(self._columns(fields))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Arrow's PyCapsule interface: what takes a stream of tables takes this.

        `pyarrow.table(hits)`, `pandas.DataFrame.from_arrow(hits)`, DuckDB. For polars, which
        takes any sequence as one column, there is `to_polars`.
        """
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """A table, for notebooks: long texts cut short, vectors left out."""
        columns = self._columns(None)
        shown = {name: values for name, values in columns.items() if not _has_vectors(values)}
        rows = range(len(columns[ID]))
        cells = [[_cell(shown[name][i]) for name in shown] for i in rows]
        return html_table(list(shown), cells, right=[SCORE])

    def _columns(self, fields: Sequence[str] | None) -> Columns:
        """A sequence for each column; None where a document lacks the field."""
        wanted = _check_fields(fields)
        leading, documents = self._leading_columns(), self._all_documents()
        columns = dict(leading)
        if documents is not None:
            there = (name for document in documents for name in document)
            for name in dict.fromkeys(there if wanted is None else wanted):
                if name != ID:
                    column = [document.get(name) for document in documents]
                    columns[_column_name(name, leading)] = column
        return columns


def _check_fields(fields: Sequence[str] | None) -> Sequence[str] | None:
    if fields is not None and (
        isinstance(fields, str)
        or not isinstance(fields, Sequence)
        or not all(isinstance(name, str) for name in fields)
    ):
        raise InvalidArgument("fields", fields, "must be a list of names", 'such as ["title"]')
    return fields


def _column_name(field: str, leading: Columns) -> str:
    return f"document.{field}" if field in leading else field


def _is_array(values: Any) -> bool:
    return isinstance(values, np.ndarray)


# --------------------------------------------------------------------------- data frames


def to_pandas(columns: Columns) -> Any:
    """A `pandas.DataFrame`; what has no type of its own there stays Python objects."""
    pandas = require("pandas", "pandas")
    return pandas.DataFrame(
        {
            name: pandas.Series(values, dtype=object if _has_vectors(values) else None, copy=False)
            for name, values in columns.items()
        },
        copy=False,
    )


def to_polars(columns: Columns) -> Any:
    """A `polars.DataFrame`; InvalidArgument names a field of several types."""
    polars = require("polars", "polars")

    def series(name: str, values: Any) -> Any:
        if isinstance(values, np.ndarray):
            return polars.Series(name, values)
        block = _vector_block(values)
        if block is not None:
            rows, _ = block
            kind = polars.Array(polars.Float32, rows.shape[1])
            return polars.Series(name, _as_lists(values), dtype=kind)
        try:
            return polars.Series(name, _as_one_type(values), strict=True)
        except (TypeError, ValueError, OverflowError, polars.exceptions.PolarsError) as error:
            raise _several_types(name, values, error) from error

    return polars.DataFrame([series(name, values) for name, values in columns.items()])


def to_arrow(columns: Columns) -> Any:
    """A `pyarrow.Table`; InvalidArgument names a field of several types."""
    arrow = require("pyarrow", "arrow")

    def array(name: str, values: Any) -> Any:
        if isinstance(values, np.ndarray):
            return arrow.array(values)  # floats and ints lie in place
        block = _vector_block(values)
        if block is not None:
            rows, missing = block
            return arrow.FixedSizeListArray.from_arrays(
                arrow.array(rows.reshape(-1)), rows.shape[1], mask=arrow.array(missing)
            )
        try:
            return arrow.array(_as_one_type(values))
        except (arrow.ArrowException, TypeError, OverflowError) as error:
            raise _several_types(name, values, error) from error

    return arrow.table({name: array(name, values) for name, values in columns.items()})


def _has_vectors(values: Any) -> bool:
    return not isinstance(values, np.ndarray) and any(isinstance(v, np.ndarray) for v in values)


def _vector_block(values: Sequence[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """A column of vectors as one block, and which are missing; None for any other column."""
    shapes = {value.shape for value in values if isinstance(value, np.ndarray)}
    if len(shapes) != 1 or not all(v is None or isinstance(v, np.ndarray) for v in values):
        return None
    shape = shapes.pop()
    if len(shape) != 1:
        return None
    rows = np.zeros((len(values), *shape), dtype=np.float32)
    missing = np.array([value is None for value in values], dtype=np.bool_)
    for place in np.flatnonzero(~missing).tolist():
        rows[place] = values[place]
    return rows, missing


def _as_lists(values: Sequence[Any]) -> list[Any]:
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in values]


def _as_one_type(values: Sequence[Any]) -> Sequence[Any]:
    """Ints and floats as floats, arrays as lists; anything else as it is."""
    if _has_vectors(values):
        return _as_lists(values)
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    return values


def _several_types(name: str, values: Sequence[Any], error: Exception) -> InvalidArgument:
    kinds = sorted({type(value).__name__ for value in values if value is not None})
    return InvalidArgument(
        name, ", ".join(kinds), f"is no column of one type: {error}",
        "leave it out with fields=[...], or use to_pandas() or to_dicts()",
    )  # fmt: skip


# --------------------------------------------------------------------------- notebooks


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, np.floating):
        return f"{float(value):.6g}"
    text = value if isinstance(value, str) else str(value)
    if len(text) <= MAX_CELL_CHARACTERS:
        return text
    return f"{text[: MAX_CELL_CHARACTERS - 1].rstrip()}…"
