import pytest

from rank_retrieve.persistence import files
from rank_retrieve.persistence.directory import NAME


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("manifest", ("manifest", 0)),
        ("lock", ("lock", 0)),
        ("wal-0000000001.log", ("wal", 1)),
        ("segment-0000000042.rrs", ("segment", 42)),
        ("segment-12345678901.rrs", ("segment", 12345678901)),
        ("deletions-0000000007.rrs", ("deletions", 7)),
        ("encoder-0000000007.rrs", ("encoder", 7)),
        ("manifest.77-1.tmp", ("temporary", 0)),
        ("quarantine-wal-0000000001.log-64", ("quarantine", 0)),
        ("wal-1.log", ("unknown", 0)),
        ("wal-00000000001.log", ("unknown", 0)),
        ("wal-٠٠٠٠٠٠٠٠٠١.log", ("unknown", 0)),
        ("wal-0000000001.rrs", ("unknown", 0)),
        ("wal-0000000001.log\n", ("unknown", 0)),
        ("segment-0000000001.rrs.bak", ("unknown", 0)),
        ("notes", ("unknown", 0)),
    ],
)
def test_a_name_tells_kind_and_number(name, parsed):
    assert files.parse_name(name) == parsed


@pytest.mark.parametrize("number", [1, 9_999_999_999, 10_000_000_000])
def test_names_are_valid_and_read_back(number):
    for kind in ("wal", "segment", "deletions", "encoder"):
        name = getattr(files, f"{kind}_name")(number)
        assert NAME.match(name)
        assert files.parse_name(name) == (kind, number)


def test_a_quarantine_name_is_a_valid_file_name():
    name = files.quarantine_name(files.wal_name(3), 2**40)
    assert NAME.match(name)
    assert files.parse_name(name) == ("quarantine", 0)
