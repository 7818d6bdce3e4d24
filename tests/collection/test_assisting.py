"""Highlights, spelling, documents like others, and expanded queries, through a collection."""

import pytest

import rank_retrieve as rr

DOCUMENTS = [
    {
        "id": "ir",
        "title": "Information retrieval",
        "text": "Retrieval finds documents. BM25 ranks.",
    },
    {"id": "dense", "title": "Dense retrieval", "text": "Vectors of documents and of queries."},
    {"id": "cook", "title": "Cooking", "text": "Boil the pasta. Add salt to the pasta water."},
    {"id": "pasta", "title": "On pasta", "text": "Pasta is boiled with salt."},
    {"id": "none"},
]


@pytest.fixture(params=["memory", "disk"])
def papers(request, tmp_path):
    with rr.open(":memory:" if request.param == "memory" else tmp_path / "db") as db:
        made = db.create_collection("papers", fields={"title": rr.Text(), "text": rr.Text()})
        made.put_many(DOCUMENTS)
        if request.param == "disk":
            db.flush()
            made.put({"id": "dead", "text": "Retrieval pasta retrievals zebra"})
            made.delete("dead")
        yield made


def shown(found):
    return {field: [str(snippet) for snippet in snippets] for field, snippets in found.items()}


def test_each_field_that_matches_shows_its_best_passage(papers):
    assert shown(papers.highlight("retrieving documents", "ir")) == {
        "title": ["Information [retrieval]"],
        "text": ["[Retrieval] finds [documents]. BM25 ranks."],
    }
    assert shown(papers.highlight("documents", "ir", fields=["text"], max_characters=30)) == {
        "text": ["Retrieval finds [documents]."]
    }
    assert papers.highlight("documents", "none") == {}


def test_patterns_mark_the_terms_that_they_accept(papers):
    query = rr.Boolean(should=[rr.Prefix("boi"), rr.Fuzzy("slat")], must_not=["pasta"])
    assert shown(papers.highlight(query, "pasta")) == {"text": ["Pasta is [boiled] with [salt]."]}


def test_what_cannot_be_highlighted_is_refused(papers):
    with pytest.raises(rr.NotFound):
        papers.highlight("x", "nobody")
    with pytest.raises(rr.InvalidArgument, match="text fields"):
        papers.highlight("x", "ir", fields=["year"])
    with pytest.raises(rr.InvalidArgument, match="must be text"):
        papers.highlight(7, "ir")


def test_a_misspelt_word_gets_the_words_of_documents_that_are_near(papers):
    (found,) = papers.suggest("retreival")
    assert (found.text, found.edits, found.document_frequency) == ("retrieval", 1, 2)
    assert found.term == b"retriev"
    assert papers.suggest("pastta")[0].text == "pasta"
    assert papers.suggest("zzzzzz") == []
    # only a deleted document holds it
    assert papers.suggest("zebro") == []


def test_a_query_is_mended_word_by_word(papers):
    assert papers.did_you_mean("dense, retreival!") == "dense, retrieval!"
    assert papers.did_you_mean("boild the psata") == "boil the pasta"
    assert papers.did_you_mean("dense retrieval") is None
    assert papers.did_you_mean("qqqq zzzz") is None
    assert papers.did_you_mean("") is None


def test_more_like_a_document_are_others_with_its_words(papers):
    hits = papers.more_like_this("cook")
    assert hits.ids.tolist() == ["pasta"]
    assert hits[0].explain().adds_up()
    assert papers.more_like_this(["cook", "pasta"]).ids.tolist() == []
    assert papers.more_like_this("ir").ids.tolist() == ["dense"]
    assert len(papers.more_like_this("ir", where={"id": "cook"})) == 0
    assert len(papers.more_like_this("none")) == 0
    with pytest.raises(rr.NotFound):
        papers.more_like_this("nobody")


@pytest.mark.parametrize("feedback", [None, rr.RM3(n_terms=4), rr.Rocchio()])
def test_an_expanded_query_finds_what_its_documents_speak_of(papers, feedback):
    assert papers.search("boil", mode="lexical").ids.tolist() == ["pasta", "cook"]
    query = papers.expand_query("cooking", feedback)
    assert papers.search("cooking").ids.tolist() == ["cook"]
    hits = papers.search(query)
    assert set(hits.ids.tolist()) == {"cook", "pasta"}
    assert hits.ids.tolist()[0] == "cook"
    assert all(hit.explain().adds_up() for hit in hits)


def test_expansion_of_what_finds_nothing_is_the_query_itself(papers):
    query = papers.expand_query("zzz")
    assert len(papers.search(query)) == 0
    with pytest.raises(rr.InvalidArgument, match="RM3"):
        papers.expand_query("boil", "rm3")


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.suggest("two words"),
        lambda c: c.suggest("a", k=0),
        lambda c: c.suggest("a", max_edits=3),
        lambda c: c.did_you_mean("a", max_edits=0),
        lambda c: c.more_like_this("ir", n_terms=0),
    ],
)
def test_bad_arguments_are_refused(papers, call):
    with pytest.raises(rr.InvalidArgument):
        call(papers)


def test_a_snapshot_helps_with_what_it_sees(papers):
    with papers.snapshot() as view:
        papers.put({"id": "new", "text": "An aardvark"})
        assert view.suggest("aardvrak") == []
    assert papers.suggest("aardvrak")[0].text == "aardvark"
