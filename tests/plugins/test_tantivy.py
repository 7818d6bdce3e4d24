import pytest

import rank_retrieve as rr
from rank_retrieve.analysis import get_analyzer
from rank_retrieve.plugins.tantivy import Tantivy

pytest.importorskip("tantivy")


def test_an_index_of_another_analyzer_is_refused(tmp_path, monkeypatch):
    Tantivy.from_texts(["a cat"], analyzer="simple").save(tmp_path)
    assert Tantivy.open(tmp_path).search("cat").ids.tolist() == [0]
    monkeypatch.setattr(
        "rank_retrieve.plugins.tantivy.get_analyzer", lambda name: get_analyzer("english")
    )
    with pytest.raises(rr.FormatVersionError, match="index the texts again"):
        Tantivy.open(tmp_path)


def test_its_files_are_removed_when_it_is_let_go():
    made = Tantivy.from_texts(["a cat"], analyzer="simple")
    folder = made._folder
    assert folder.is_dir()
    del made
    assert not folder.exists()


def test_bad_arguments_are_refused():
    with pytest.raises(rr.InvalidArgument, match="not one string"):
        Tantivy.from_texts("a text")
