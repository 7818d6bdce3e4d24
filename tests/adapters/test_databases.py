import os
from pathlib import Path

import pytest

import rank_retrieve as rr
from rank_retrieve.adapters.databases import lease


def test_users_of_a_path_share_one_handle_until_the_last_closes(tmp_path: Path) -> None:
    first = lease(tmp_path / "db")
    second = lease(str(tmp_path / "x" / ".." / "db"))
    assert second.database is first.database
    first.close()
    first.close()
    assert not second.database.closed
    second.close()
    assert second.database.closed
    with rr.open(tmp_path / "db"):  # and its lock is free
        pass


def test_memory_is_never_shared() -> None:
    first, second = lease(":memory:"), lease(":memory:")
    assert first.database is not second.database
    first.close()
    assert first.database.closed and not second.database.closed


def test_a_database_of_the_caller_is_used_shared_and_left_open(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as mine:
        given, by_path = lease(mine), lease(tmp_path / "db")
        assert given.database is mine and by_path.database is mine
        given.close()
        by_path.close()
        assert not mine.closed


def test_a_handle_that_its_owner_closed_is_opened_anew(tmp_path: Path) -> None:
    mine = rr.open(tmp_path / "db")
    given = lease(mine)
    mine.close()
    again = lease(tmp_path / "db")
    assert again.database is not mine
    given.close()
    assert not again.database.closed
    again.close()
    assert again.database.closed


def test_a_reading_handle_is_not_lent_to_those_who_name_the_path(tmp_path: Path) -> None:
    rr.open(tmp_path / "db").close()
    with rr.open(tmp_path / "db", mode="r") as reader:
        given, by_path = lease(reader), lease(tmp_path / "db")
        assert given.database is reader
        assert by_path.database.mode == "w"
        given.close()
        by_path.close()
        assert by_path.database.closed and not reader.closed


def test_what_is_no_place_is_refused() -> None:
    with pytest.raises(rr.InvalidArgument, match="must be a path or an open"):
        lease(7)  # type: ignore[arg-type]


def test_a_forked_child_does_not_get_its_parents_handle(tmp_path: Path) -> None:
    parent = lease(tmp_path / "db")
    pid = os.fork()
    if not pid:  # pragma: no cover - in the child
        try:
            lease(tmp_path / "db")
        except rr.LockedError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    parent.close()
