from pathlib import Path

import pytest

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.evaluation import load_beir, read_queries

CORPUS = (
    '{"_id": "d1", "title": "Cats", "text": "A cat sat.", "metadata": {"year": 2020}}\n'
    '{"_id": "d2", "text": "Hunde \\u00fcber alles"}\n'
    '{"_id": "d3", "title": null, "text": "Titles may be null."}\n'
)
QUERIES = '{"_id": "q1", "text": "cats"}\n{"_id": "q2", "text": "dogs", "metadata": {}}\n'
HEADER = "query-id\tcorpus-id\tscore\n"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pets"
    (root / "qrels").mkdir(parents=True)
    (root / "corpus.jsonl").write_text(CORPUS, encoding="utf-8")
    (root / "queries.jsonl").write_text(QUERIES, encoding="utf-8")
    (root / "qrels" / "test.tsv").write_text(HEADER + "q1\td1\t1\n", encoding="utf-8")
    return root


def test_a_folder_becomes_a_dataset(folder):
    pets = load_beir(folder)
    assert pets.name == "pets"
    assert pets.queries == {"q1": "cats", "q2": "dogs"}
    assert pets.qrels == {"q1": {"d1": 1}}
    expected = [
        {"id": "d1", "title": "Cats", "text": "A cat sat.", "metadata": {"year": 2020}},
        {"id": "d2", "title": "", "text": "Hunde über alles"},
        {"id": "d3", "title": "", "text": "Titles may be null."},
    ]
    assert list(pets.corpus) == expected
    assert list(pets.corpus) == expected, "a corpus can be read as often as needed"


def test_splits_are_chosen_by_name(folder):
    (folder / "qrels" / "train.tsv").write_text(HEADER + "q2\td2\t1\n", encoding="utf-8")
    assert load_beir(folder).qrels == {"q1": {"d1": 1}}
    assert load_beir(folder, "train").qrels == {"q2": {"d2": 1}}
    with pytest.raises(InvalidArgument, match="The folder has test, train"):
        load_beir(folder, "dev")
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    with pytest.raises(InvalidArgument, match="must be one of dev, train"):
        load_beir(folder)
    (folder / "qrels" / "dev.tsv").unlink()
    assert load_beir(folder).qrels == {"q2": {"d2": 1}}


def test_qrels_and_queries_may_lie_beside_the_corpus(folder):
    (folder / "qrels" / "test.tsv").rename(folder / "qrels.tsv")
    (folder / "qrels.train.tsv").write_text(HEADER + "q9\td2\t1\n", encoding="utf-8")
    (folder / "queries.train.jsonl").write_text('{"_id": "q9", "text": "fish"}', encoding="utf-8")
    assert load_beir(folder).qrels == {"q1": {"d1": 1}}
    train = load_beir(folder, "train")
    assert (train.queries, train.qrels) == ({"q9": "fish"}, {"q9": {"d2": 1}})


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(NotFound, match=name.replace("qrels/test", "qrels")):
        load_beir(folder)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(NotFound, match="no folder named"):
        load_beir(tmp_path / "absent")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "is not JSON"),
        ("[" * 5000, "is not JSON"),
        ('{"_id": "d", "text": NaN}', "is not JSON"),
        ('["d"]', "is not a JSON object"),
        ('{"id": "d"}', 'needs an "_id"'),
        ('{"_id": 3}', 'needs an "_id"'),
        ('{"_id": ""}', 'needs an "_id"'),
        ('{"_id": "d", "text": ["a"]}', "has a text that is no string"),
        ('{"_id": "d", "title": 3}', "has a title that is no string"),
    ],
)
def test_a_bad_document_is_named_by_file_line_and_reason(folder, line, reason):
    path = folder / "corpus.jsonl"
    path.write_text(CORPUS + "\n" + line + "\n", encoding="utf-8")
    found = []
    with pytest.raises(InvalidArgument) as caught:
        found.extend(document["id"] for document in load_beir(folder).corpus)
    assert caught.value.argument == f"{path}, line 5"
    assert reason in str(caught.value)


def test_good_documents_before_a_bad_one_are_given(folder):
    (folder / "corpus.jsonl").write_text(CORPUS + "{\n", encoding="utf-8")
    documents = iter(load_beir(folder).corpus)
    assert [next(documents)["id"] for _ in range(3)] == ["d1", "d2", "d3"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"_id": "q3"}', 'needs a "text"'),
        ('{"_id": "q3", "text": null}', 'needs a "text"'),
        ('{"_id": "q1", "text": "again"}', "of an earlier line"),
    ],
)
def test_a_bad_query_is_named_by_file_line_and_reason(tmp_path, line, reason):
    path = tmp_path / "queries.jsonl"
    path.write_text(QUERIES + line, encoding="utf-8")
    with pytest.raises(InvalidArgument) as caught:
        read_queries(path)
    assert caught.value.argument == f"{path}, line 3"
    assert reason in str(caught.value)


JUDGED = Path(__file__).resolve().parents[3] / "shared" / "data" / "judged"


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "documents", "queries"), [("scifact", 5183, 300), ("cranfield", 1400, 225)]
)
def test_a_judged_collection_loads_whole(name, documents, queries):
    folder = JUDGED / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not beside the checkout")
    dataset = load_beir(folder)
    assert sum(1 for _ in dataset.corpus) == documents
    assert len(dataset.queries) == queries
    assert dataset.qrels.keys() <= dataset.queries.keys()
