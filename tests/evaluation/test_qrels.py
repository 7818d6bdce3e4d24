import pytest

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.evaluation import read_qrels, write_qrels

QRELS = {"q1": {"d1": 2, "d 2": 0}, "q2": {"d1": 1}}


def write(tmp_path, content):
    path = tmp_path / "qrels.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "q1 0 d1 2\nq1 0 d2 0\nq2 0 d1 -1\n",
        "q1\tQ0\td1\t2\r\nq1  0  d2\t0\r\n\r\nq2 0 d1 -1",
        "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td1\t-1\n",
        "q1\td1\t2\nq1\td2\t0\nq2\td1\t-1\n",
        b"\xef\xbb\xbfq1 0 d1 2\nq1 0 d2 0\nq2 0 d1 -1\n",
        "\n  \nq1 0 d1 2\nq1 0 d1 2\nq1 0 d2 0\nq2 0 d1 -1\n",
    ],
    ids=["trec", "trec mixed space", "beir", "beir no header", "byte order mark", "repeated"],
)
def test_both_layouts_are_told_apart(tmp_path, content):
    assert read_qrels(write(tmp_path, content)) == {"q1": {"d1": 2, "d2": 0}, "q2": {"d1": -1}}


def test_ids_in_beir_files_may_hold_spaces(tmp_path):
    path = write(tmp_path, "query-id\tcorpus-id\tscore\nquery 1\tdoc 1\t1\n")
    assert read_qrels(path) == {"query 1": {"doc 1": 1}}


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("q1 d1 1\n", 1, "neither 4 TREC columns"),
        ("hello\n", 1, "neither 4 TREC columns"),
        ("\nq1 0 d1 1 extra\n", 2, "neither 4 TREC columns"),
        ("q1 0 d1 1\nq1 0 d2\n", 2, "columns, not those of the first line"),
        ("q1 0 d1 1\nq1\td2\t1\n", 2, "columns, not those of the first line"),
        ("q1\td1\t1\nq1 0 d2 1\n", 2, "columns, not those of the first line"),
        ("q1 0 d1 1\nq1 0 d2 high\n", 2, "has the grade 'high', not a whole number"),
        ("q1 0 d1 1.5\n", 1, "has the grade '1.5', not a whole number"),
        ("q1 0 d1 1_0\n", 1, "has the grade '1_0', not a whole number"),
        ("q1 0 d1 1000000\n", 1, "not a whole number"),
        ("q1 0 d1 1\nq1 0 d1 2\n", 2, "judges this pair 2, an earlier line 1"),
        ("query-id\tcorpus-id\tscore\nq1\t\t1\n", 2, "has an empty id"),
        (b"q1 0 d1 1\nq1 0 d\xff 1\n", 2, "is not UTF-8 at byte 6"),
    ],
)
def test_a_bad_line_is_named_by_file_line_and_reason(tmp_path, content, line, reason):
    path = write(tmp_path, content)
    with pytest.raises(InvalidArgument) as caught:
        read_qrels(path)
    assert caught.value.argument == f"{path}, line {line}"
    assert reason in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n\n", "query-id\tcorpus-id\tscore\n"])
def test_a_file_without_judgements_is_refused(tmp_path, content):
    with pytest.raises(InvalidArgument, match="has no judgements"):
        read_qrels(write(tmp_path, content))


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="no file named"):
        read_qrels(tmp_path / "absent.txt")
    with pytest.raises(InvalidArgument, match="is a folder"):
        read_qrels(tmp_path)


def test_written_bytes_are_those_of_the_layouts(tmp_path):
    qrels = {"q1": {"d1": 2, "d2": 0}, "q2": {"d1": 1}}
    write_qrels(tmp_path / "trec", qrels)
    write_qrels(tmp_path / "beir", qrels, layout="beir")
    assert (tmp_path / "trec").read_bytes() == b"q1 0 d1 2\nq1 0 d2 0\nq2 0 d1 1\n"
    assert (tmp_path / "beir").read_bytes() == (
        b"query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td1\t1\n"
    )
    assert read_qrels(tmp_path / "trec") == read_qrels(tmp_path / "beir") == qrels


@pytest.mark.parametrize(
    ("qrels", "layout", "reason"),
    [
        (QRELS, "trec", "document id: must be without white space"),
        ({"": {"d": 1}}, "trec", "query id: must be without white space, and not empty"),
        ({"q\t1": {"d": 1}}, "beir", "id: must be without tabs"),
        ({"q": {"d": 1.5}}, "trec", "grade: must be a whole number"),
        ({"q": {"d": True}}, "beir", "grade: must be a whole number"),
        (QRELS, "csv", "layout"),
    ],
)
def test_what_the_file_cannot_hold_is_refused_before_it_is_touched(tmp_path, qrels, layout, reason):
    path = write(tmp_path, "kept")
    with pytest.raises(InvalidArgument, match=reason):
        write_qrels(path, qrels, layout=layout)
    assert path.read_text() == "kept"
