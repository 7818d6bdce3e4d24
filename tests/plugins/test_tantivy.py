import pytest

import rank_retrieve as rr
from rank_retrieve.analysis import get_analyzer
from rank_retrieve.persistence.standalone import save_retriever
from rank_retrieve.plugins.tantivy import Tantivy, _Description

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


@pytest.mark.parametrize("name", ["../escaped", "/absolute", "..", ""])
def test_a_file_outside_the_folder_is_refused(name, tmp_path):
    made = Tantivy.from_texts(["a cat"], analyzer="simple")
    description = _Description(1, "simple", made.analyzer.fingerprint, "positions", 1, [name])
    save_retriever(tmp_path, "tantivy", description, lambda sink: sink.add(f"file.{name}", b"x"))
    with pytest.raises(rr.CorruptionError, match="plain names"):
        Tantivy.open(tmp_path)
