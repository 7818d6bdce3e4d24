"""The counts of long runs are kept whole and added up as they should be."""

import json
from pathlib import Path

import pytest

from tests.reliability.counts import FOLDER, record
from tests.reliability.report import summed, table


def test_each_record_is_one_line_of_the_folder_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "report"))
    record("kills", kills=3, seed=7)
    record("kills", kills=4, seed=8)
    lines = (tmp_path / "report" / "counts.jsonl").read_text().splitlines()
    assert [json.loads(line)["kills"] for line in lines] == [3, 4]


def test_nothing_is_kept_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    record("kills", kills=3)
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_added_up_and_seeds_are_listed() -> None:
    lines = [
        {"name": "kills", "at": "-", "kills": 900, "seed": 7, "slowest_s": 0.25, "start": 0},
        {"name": "kills", "at": "-", "kills": 100, "seed": 8, "slowest_s": 0.5, "start": 900},
        {"name": "flips", "at": "-", "images": 5, "how": "r", "cpu_s": 0.5},
        {"name": "flips", "at": "-", "images": 6, "how": "w", "cpu_s": 1.0},
    ]
    assert summed(lines)["kills"] == {
        "kills": "1,000",
        "seed": "7, 8",
        "slowest_s": "0.5",
    }
    assert table(lines).splitlines() == [
        "| test | counted |",
        "|---|---|",
        "| flips | images 11; how r, w; cpu s 1.5 |",
        "| kills | kills 1,000; seed 7, 8; slowest s 0.5 |",
    ]
