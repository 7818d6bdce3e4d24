import pytest

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.evaluation import read_run, write_run


def write(tmp_path, content):
    path = tmp_path / "run.txt"
    path.write_text(content, encoding="utf-8")
    return path


def test_documents_are_ordered_by_score_then_by_rank(tmp_path):
    path = write(
        tmp_path,
        "q1 Q0 low 1 0.5 tag\nq1 Q0 tied-second 9 2.5 tag\nq2 Q0 d 1 -3e-2 tag\n"
        "q1 Q0 tied-first 8 2.5 tag\n",
    )
    run = read_run(path)
    assert run == {"q1": {"tied-first": 2.5, "tied-second": 2.5, "low": 0.5}, "q2": {"d": -0.03}}
    assert list(run["q1"]) == ["tied-first", "tied-second", "low"]


def test_written_bytes_are_six_columns_with_all_digits(tmp_path):
    path = tmp_path / "run.txt"
    write_run(path, {"q2": {"c": 0.1, "a": 1 / 3, "b": 0.1}, "q1": {}, "q0": {"d": 2}}, tag="mine")
    assert path.read_bytes() == (
        b"q2 Q0 a 1 0.3333333333333333 mine\n"
        b"q2 Q0 c 2 0.1 mine\n"
        b"q2 Q0 b 3 0.1 mine\n"
        b"q0 Q0 d 1 2.0 mine\n"
    )
    assert read_run(path) == {"q2": {"a": 1 / 3, "c": 0.1, "b": 0.1}, "q0": {"d": 2.0}}


def test_a_run_without_hits_is_an_empty_file(tmp_path):
    write_run(tmp_path / "run.txt", {})
    assert read_run(tmp_path / "run.txt") == {}


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("q1 Q0 d1 1 0.5\n", 1, "has 5 columns, not 6"),
        ("q1 Q0 d1 1 0.5 t\nq1 Q0 d2 two 0.5 t\n", 2, "the rank 'two'"),
        ("q1 Q0 d1 1 much t\n", 1, "the score 'much', not numbers"),
        ("q1 Q0 d1 1 nan t\n", 1, "not finite"),
        ("q1 Q0 d1 1 -inf t\n", 1, "not finite"),
        ("q1 Q0 d1 1 2 t\n\nq1 Q0 d1 2 1 t\n", 3, "ranks 'd1' again"),
    ],
)
def test_a_bad_line_is_named_by_file_line_and_reason(tmp_path, content, line, reason):
    path = write(tmp_path, content)
    with pytest.raises(InvalidArgument) as caught:
        read_run(path)
    assert caught.value.argument == f"{path}, line {line}"
    assert reason in str(caught.value)


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        read_run(tmp_path / "absent")


@pytest.mark.parametrize(
    ("run", "tag"),
    [
        ({"q 1": {"d": 1.0}}, "t"),
        ({"q": {"d\n": 1.0}}, "t"),
        ({"q": {"": 1.0}}, "t"),
        ({"q": {"d": float("nan")}}, "t"),
        ({"q": {"d": float("inf")}}, "t"),
        ({"q": {"d": 1.0}}, "two words"),
    ],
)
def test_what_the_file_cannot_hold_is_refused_before_it_is_touched(tmp_path, run, tag):
    path = write(tmp_path, "kept")
    with pytest.raises(InvalidArgument):
        write_run(path, run, tag=tag)
    assert path.read_text() == "kept"
