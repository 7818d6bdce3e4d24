"""Reading what people have: JSONL, CSV, Parquet, text and Markdown, good and bad."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument, MissingExtra, NotFound
from rank_retrieve.interchange import lines as source_lines
from rank_retrieve.interchange import passages as source_passages
from rank_retrieve.interchange import read_documents
from rank_retrieve.interchange.files import BadRecord, read_located
from rank_retrieve.interchange.lines import read_lines
from rank_retrieve.interchange.passages import MAX_WORDS, Block, passages, pieces, size_of


def read(path: Path) -> tuple[list[dict[str, Any]], list[BadRecord]]:
    bad: list[BadRecord] = []
    return list(read_documents(path, on_error=bad.append)), bad


def reasons(path: Path) -> list[tuple[int, str]]:
    return [(record.line, record.reason) for record in read(path)[1]]


# --------------------------------------------------------------------------- JSONL


def test_a_beir_line_becomes_a_document_with_its_other_keys_as_metadata(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text('{"_id": "d1", "title": "T", "text": "x", "year": 2021, "tags": ["a"]}\n')
    assert read(file) == (
        [{"id": "d1", "title": "T", "text": "x", "year": 2021, "tags": ["a"]}],
        [],
    )


def test_id_without_underscore_is_an_id_too_and_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "x", "id": "d1"}\n')
    documents, _ = read(file)
    assert list(documents[0].items()) == [("id", "d1"), ("text", "x")]


def test_null_titles_and_texts_stay_null(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": "d1", "title": null, "text": null, "note": null}\n')
    assert read(file)[0] == [{"id": "d1", "title": None, "text": None, "note": None}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "a"', "Input data was truncated"),
        (b"[1, 2]", "not an object but an array"),
        (b'"d1"', "not an object but a string"),
        (b"7", "not an object but a number"),
        (b"null", "not an object but null"),
        (b'{"title": "x"}', 'has neither "_id" nor "id"'),
        (b'{"id": 7}', "the id must be a string, got a number 7"),
        (b'{"_id": null}', "the id must be a string, got null None"),
        (b'{"id": ["a"]}', "the id must be a string, got an array ['a']"),
        (b'{"id": ""}', "the id is empty"),
        (b'{"_id": "a", "id": "b"}', "has both _id and id, and they differ"),
        (b'{"id": "a", "text": 5}', "the text must be a string, got a number"),
        (b'{"id": "a", "title": {}}', "the title must be a string, got an object"),
        (b'{"id": "a", "x": NaN}', "JSON is malformed: invalid character (byte 17)"),
        (b'{"id": "a", "x": -Infinity}', "JSON is malformed: invalid character (byte 18)"),
        (b'{"id": "a", "x": 1e999}', "Number out of range - at `$[...]`"),
        (b'{"id": "a\xff"}', "not UTF-8: byte 0xff at offset 9 of the line"),
        (b'{"id": "a", "x": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_names_file_line_and_reason_and_the_good_ones_stay(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"id": "before"}\n' + line + b'\n{"id": "behind"}\n')
    documents, bad = read(file)
    assert [document["id"] for document in documents] == ["before", "behind"]
    assert bad == [BadRecord(str(file), 2, reason)]
    assert str(bad[0]) == f"{file}:2: {reason}"


def test_a_lone_surrogate_escape_is_a_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": "a", "text": "\\ud800!"}\n{"id": "b"}\n')
    documents, bad = read(file)
    assert [d["id"] for d in documents] == ["b"]
    assert bad[0].line == 1


def test_blank_lines_windows_line_ends_and_a_byte_order_mark_are_no_errors(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"id": "a"}\r\n\r\n  \n{"id": "b"}')
    assert read(file) == ([{"id": "a"}, {"id": "b"}], [])


def test_a_line_above_the_limit_is_skipped_without_being_held(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"ok\n" + b"x" * 3_000_000 + b"\nlast" + b"y" * 7)
    lines = list(read_lines(file, limit=11))
    assert [(line.number, line.text, line.error) for line in lines] == [
        (1, "ok", None),
        (2, "", "the line is longer than 11 bytes"),
        (3, "lastyyyyyyy", None),
    ]


def test_a_line_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"1234\n12345\n1234")
    errors = [line.error for line in read_lines(file, limit=4)]
    assert errors == [None, "the line is longer than 4 bytes", None]


def test_packed_files_are_unpacked_as_they_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"id": "a"}\n{"id": "b"}\n'))
    assert read(file) == ([{"id": "a"}, {"id": "b"}], [])


def test_damage_in_a_packed_file_is_reported_where_the_good_lines_end(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b'{"id": "%d"}\n' % n for n in range(1000)))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(packed[:-9])
    documents, bad = read(cut)
    assert len(documents) == 1000
    assert bad[0].reason.startswith("cannot be read further: damaged gzip data (Compressed file")
    no_gzip = tmp_path / "no.jsonl.gz"
    no_gzip.write_bytes(b'{"id": "a"}\n')
    assert read(no_gzip)[1][0].reason.startswith("cannot be read further: damaged gzip data (Not")


def test_raising_from_the_callback_stops_after_the_good_ones_before(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"id": "a"}\n{\n{"id": "b"}\n')

    def stop(bad: BadRecord) -> None:
        raise KeyError(bad.line)

    documents = read_documents(file, on_error=stop)
    assert next(documents) == {"id": "a"}
    with pytest.raises(KeyError, match="2"):
        next(documents)


# --------------------------------------------------------------------------- CSV


def test_csv_cells_are_strings_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('id,title,text,year\nd1,"A, b","two\nlines",2021\n\nd2,,x,\n')
    assert read(file) == (
        [
            {"id": "d1", "title": "A, b", "text": "two\nlines", "year": "2021"},
            {"id": "d2", "text": "x"},
        ],
        [],
    )


def test_a_csv_document_has_the_line_on_which_its_row_begins(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('id,text\na,"1\n2"\nb,x\n')
    assert [d.line for d in read_located(file, on_error=print)] == [2, 4]


def test_csv_with_tabs_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_bytes(b"\xef\xbb\xbf_id\ttext\nd1\ta, b\n")
    assert read(file) == ([{"id": "d1", "text": "a, b"}], [])


def test_bad_csv_rows_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(
        b'id,text\na,x\nb,x,y\nc\n,no id\nd,\xff\n"e"x,y\nf,"a\n\xfe"\ng,good\nh,"open\n'
    )
    documents, _ = read(file)
    assert [d["id"] for d in documents] == ["a", "g"]
    assert reasons(file) == [
        (3, "expected 2 cells, got 3"),
        (4, "expected 2 cells, got 1"),
        (5, 'has neither "_id" nor "id"'),
        (6, "not UTF-8: byte 0xff at offset 2 of the line"),
        (7, "not CSV: ',' expected after '\"'"),
        (8, "not UTF-8: byte 0xfe at offset 0 of the line"),
        (11, "not CSV: unexpected end of data"),
    ]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("name,text", "no column is named _id or id, only name, text"),
        ("id,text,text", "two columns are named 'text'"),
    ],
)
def test_a_csv_file_with_an_unusable_header_is_left_out(
    tmp_path: Path, header: str, reason: str
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"{header}\na,b,c\n")
    assert read(file) == ([], [BadRecord(str(file), 1, reason)])


def test_a_csv_cell_may_be_large_and_the_limit_of_the_process_is_put_back(tmp_path: Path) -> None:
    import csv

    before = csv.field_size_limit(1000)
    try:
        file = tmp_path / "a.csv"
        file.write_text("id,text\na," + "x" * 1_000_000 + "\n")
        assert len(read(file)[0][0]["text"]) == 1_000_000
        assert csv.field_size_limit() == 1000
    finally:
        csv.field_size_limit(before)


# --------------------------------------------------------------------------- Parquet


def test_parquet_rows_become_documents_with_plain_values(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    import datetime

    file = tmp_path / "a.parquet"
    columns = {
        "id": pa.array([1, 2]),
        "text": ["x", None],
        "score": pa.array([0.5, float("nan")]),
        "when": pa.array([datetime.date(2024, 2, 29), None]),
        "tags": pa.array([["a", "b"], []]),
        "price": pa.array([None, __import__("decimal").Decimal("1.50")]),
    }
    pq.write_table(pa.table(columns), file)
    assert read(file) == (
        [
            {"id": "1", "text": "x", "score": 0.5, "when": "2024-02-29", "tags": ["a", "b"]},
            {"id": "2", "tags": [], "price": "1.50"},
        ],
        [],
    )


def test_bad_parquet_rows_and_files_are_reported(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    rows = tmp_path / "rows.parquet"
    pq.write_table(
        pa.table({"_id": ["a", None, "c"], "raw": pa.array([None, 1, 2], pa.duration("s"))}), rows
    )
    documents, _ = read(rows)
    assert documents == [{"id": "a"}]
    assert reasons(rows) == [
        (2, "column 'raw' holds timedelta, which is not stored"),
        (3, "column 'raw' holds timedelta, which is not stored"),
    ]
    no_id = tmp_path / "no_id.parquet"
    pq.write_table(pa.table({"text": ["a"]}), no_id)
    assert reasons(no_id) == [(0, "no column is named _id or id, only text")]
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(rows.read_bytes()[:-7])
    ((line, reason),) = reasons(damaged)
    assert line == 0
    assert reason.startswith("not readable as Parquet: ")


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    file = tmp_path / "a.parquet"
    file.write_bytes(b"PAR1")
    with pytest.raises(MissingExtra, match=r"pip install 'rank-retrieve\[parquet\]'"):
        read(file)


# --------------------------------------------------------------------------- passages


def words(n: int, of: str = "word") -> str:
    return " ".join([of] * n)


def test_short_paragraphs_share_a_passage(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("first\nparagraph\n\n\nsecond\n")
    assert read(file)[0] == [
        {
            "id": "notes.txt#1",
            "title": "notes.txt",
            "text": "first\nparagraph\n\nsecond",
            "path": "notes.txt",
        }
    ]


def test_a_passage_is_closed_between_100_and_200_words(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("\n\n".join(words(n) for n in (60, 50, 150, 40, 90, 120, 30)))
    assert [size_of(d["text"]) for d in read(file)[0]] == [110, 150, 130, 120, 30]


def test_markdown_passages_end_at_headings_and_carry_their_path(tmp_path: Path) -> None:
    file = tmp_path / "guide.md"
    file.write_text(
        "---\ntitle: front matter\n---\n"
        "Preface.\n\n# Guide\n\nIntro.\n\n## Install ##\n\nRun it.\n\n### Linux\nUse apt.\n\n"
        "Usage\n-----\n\nCall it.\n\n```sh\n# no heading\n\nls\n```\n"
    )
    located = list(read_located(file, on_error=print))
    assert [(d.document["title"], d.document["text"], d.line) for d in located] == [
        ("guide.md", "Preface.", 4),
        ("Guide", "Intro.", 8),
        ("Guide > Install", "Run it.", 12),
        ("Guide > Install > Linux", "Use apt.", 15),
        ("Guide > Usage", "Call it.\n\n```sh\n# no heading\n\nls\n```", 20),
    ]
    assert located[2].document == {
        "id": "guide.md#3",
        "title": "Guide > Install",
        "text": "Run it.",
        "path": "guide.md",
        "heading": "Guide > Install",
    }


def test_a_long_paragraph_is_cut_at_the_ends_of_sentences() -> None:
    text = " ".join(f"{words(79)} end{n}." for n in range(5))
    parts = list(pieces(text))
    assert [size_of(part) for part in parts] == [160, 160, 80]
    assert [part.endswith(("end1.", "end3.", "end4.")) for part in parts] == [True] * 3


def test_a_sentence_without_an_end_is_cut_between_words_and_text_without_spaces_anywhere() -> None:
    assert [size_of(part) for part in pieces(words(450))] == [200, 200, 50]
    parts = list(pieces("字" * 5000))
    assert [len(part) for part in parts] == [2400, 2400, 200]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.text("ab .\n字", max_size=60).map(lambda t: t * 30)))
)
def test_passages_hold_all_of_the_text_in_order_and_none_is_too_long(
    blocks: list[tuple[int, str]],
) -> None:
    paragraphs = [Block(level, "h" if level else text, 1) for level, text in blocks]
    found = list(passages(iter(b for b in paragraphs if b.text.strip())))
    together = "".join("".join(passage.text for passage in found).split())
    assert together == "".join("".join(b.text for b in paragraphs if not b.level).split())
    assert all(0 < size_of(passage.text) <= MAX_WORDS for passage in found)


def test_an_endless_paragraph_is_handed_out_before_it_ends() -> None:
    lines = ((number, words(10)) for number in range(1, 10**9))
    blocks = source_passages._plain_blocks(lines)
    assert next(blocks).line == 1
    assert next(blocks).line == 82


def test_a_file_that_is_not_text_is_left_where_that_shows(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"Good start.\n\nmore\xff\n\nmore\n")
    documents, bad = read(file)
    assert [d["text"] for d in documents] == ["Good start."]
    assert bad == [
        BadRecord(
            str(file), 3,
            "not UTF-8: byte 0xff at offset 4 of the line; the rest of the file is left out",
        )
    ]  # fmt: skip
    file.write_bytes(b"\0\0binary")
    assert reasons(file) == [
        (1, "holds a NUL, so it is not text; the rest of the file is left out")
    ]


# --------------------------------------------------------------------------- folders


def test_a_folder_is_read_in_the_order_of_names_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "sub/c.txt", "sub/.hidden.txt", ".git/x.txt", "skip.png"):
        file = tmp_path / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    documents, bad = read(tmp_path / "root")
    assert [d["id"] for d in documents] == ["a.md#1", "b.txt#1", "sub/c.txt#1"]
    assert bad == []


def test_in_a_beir_folder_only_the_corpus_is_read(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "x"}\n')
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d1", "text": "x"}\n')
    assert read(tmp_path) == ([{"id": "d1", "text": "x"}], [])


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [d["id"] for d in read(tmp_path)[0]] == ["a.txt#1"]


def test_a_file_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    strange = os.fsencode(tmp_path) + b"/\xff.txt"
    Path(os.fsdecode(strange)).write_text("y")
    documents, bad = read(tmp_path)
    assert [d["id"] for d in documents] == ["a.txt#1"]
    assert bad == [BadRecord(f"{tmp_path}/\\xff.txt", 0, "the name of the file is not UTF-8")]


def test_what_is_not_there_or_not_readable_raises(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file or folder named"):
        read(tmp_path / "missing")
    with pytest.raises(InvalidArgument, match="holds no file that can be read"):
        read(tmp_path)
    picture = tmp_path / "a.png"
    picture.write_bytes(b"")
    with pytest.raises(InvalidArgument, match=r"unknown kind.*\.jsonl, \.ndjson, \.csv"):
        read(picture)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert read(tmp_path) == ([], [])


def test_an_io_error_while_reading_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(source_lines, "open_binary", refuse)
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"{}")
    assert reasons(file) == [(0, "cannot be read further: Permission denied")]
