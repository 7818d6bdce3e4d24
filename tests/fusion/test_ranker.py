import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.fusion import RRF, Convex, FusionRanker, default_candidates
from rank_retrieve.testing.retriever_contract import RetrieverContract
from rank_retrieve.types import Bitmap, Hits, Query
from tests.testing.toys import Dots, Words

TEXTS = ["cat", "dog", "cat cat dog", "bird", "dog dog"]
VECTORS = np.array([[1, 0], [0, 1], [0, 2], [3, 0], [1, 1]], dtype=np.float32)
IDS = ["e", "d", "c", "b", "a"]
BOTH = Query("dog", np.array([0, 1], dtype=np.float32))


def ranker(ids=IDS, **options):
    return FusionRanker([Words(TEXTS, ids), Dots(VECTORS, ids)], **options)


class TestItIsARetriever(RetrieverContract):
    stable_scores = False

    def build(self, texts, vectors, ids):
        return FusionRanker([Words(texts, ids), Dots(vectors, ids)])


class TestOneRetrieverFusedIsARetriever(RetrieverContract):
    stable_scores = False

    def build(self, texts, vectors, ids):
        return FusionRanker([Words(texts, ids)], method=Convex())

    def query(self, query):
        return query.text


def test_two_retrievers_fuse_as_worked_by_hand():
    # words: a 2, d 1, c 1; dots: c 2, d 1, a 1, e 0, b 0; c comes before a, being inserted earlier
    hits = ranker().search(BOTH, 10)
    assert hits.ids.tolist() == ["c", "a", "d", "e", "b"]
    assert hits.scores.tolist() == [
        1 / 63 + 1 / 61,
        1 / 61 + 1 / 63,
        1 / 62 + 1 / 62,
        1 / 64,
        1 / 65,
    ]


def test_equal_scores_keep_the_order_of_insertion_where_a_retriever_tells_it():
    class Silent:
        """A retriever that cannot say where an id was inserted."""

        def __init__(self, *ids):
            self.ids = np.array(ids, dtype=object if isinstance(ids[0], str) else np.int64)

        def __len__(self):
            return len(self.ids)

        def search(self, query, k=10, *, allowed=None):
            return Hits(self.ids[:k], -np.arange(len(self.ids), dtype=np.float64)[:k])

    class Telling(Silent):
        def position(self, id_):
            known = {"x": 2, "y": 1, 7: 2, 3: 9}
            if id_ not in known:
                raise NotFound("document", id_)
            return known[id_]

    def order(*retrievers):
        return FusionRanker(retrievers).search("q").ids.tolist()

    assert order(Silent("x", "y"), Silent("y", "x")) == ["x", "y"]
    assert order(Telling("x", "y"), Silent("y", "x")) == ["y", "x"]
    assert order(Telling("z", "y"), Silent("y", "z")) == ["y", "z"]
    assert order(Silent(7, 3), Silent(3, 7)) == [3, 7]
    assert order(Telling(7, 3), Silent(3, 7)) == [7, 3]


def test_integer_ids_come_back_as_integers():
    class Tens(Words):
        def __init__(self):
            super().__init__(TEXTS)
            self.ids = np.array([50, 40, 30, 20, 10])

    hits = FusionRanker([Tens()]).search("dog")
    assert hits.ids.dtype == np.int64
    assert hits.ids.tolist() == [10, 40, 30]
    assert ranker(None).search(BOTH).ids.tolist() == [2, 4, 1, 0, 3]


def test_a_hit_explains_itself_down_to_the_legs():
    hit = ranker().search(BOTH, 3)[2]
    assert hit.explain().adds_up()
    assert str(hit.explain()).splitlines() == [
        "0.0322580645 = RRF(k=60, weights=None), found by 2 of 2 legs",
        "  0.0161290323 = Words (rank 2, score 1): 1 / (60 + 2)",
        "    1 = Words score",
        "  0.0161290323 = Dots (rank 2, score 1): 1 / (60 + 2)",
        "    1 = Dots score",
    ]


def test_any_document_can_be_explained_by_id():
    assert ranker().explain(BOTH, "b", k=1).value == 1 / 65
    with pytest.raises(NotFound, match="'zebra'"):
        ranker().explain(BOTH, "zebra")


def test_documents_come_from_a_leg_that_found_them():
    hits = ranker().search(BOTH)
    assert hits[2].document == {"toy": "dog"}
    assert hits[4].document["toy"].tolist() == [3.0, 0.0]


def test_the_plan_says_method_depth_and_what_each_leg_found():
    plan = ranker(method=RRF(k=3)).search(BOTH, 2).plan
    assert plan["fusion"] == {
        "method": "RRF(k=3, weights=None)",
        "candidates": 64,
        "found": [3, 5],
        "complete": False,
    }
    assert [leg["leg"] for leg in plan["legs"]] == ["Words", "Dots"]


def test_retrievers_of_one_kind_are_numbered():
    words = Words(TEXTS)
    fused = FusionRanker([words, Dots(VECTORS), words])
    assert fused.names == ("Words 1", "Dots", "Words 2")
    assert repr(fused) == ("FusionRanker([Words 1, Dots, Words 2], method=RRF(k=60, weights=None))")


@pytest.mark.parametrize(("k", "depth"), [(1, 64), (32, 64), (33, 66), (1000, 2000)])
def test_legs_are_searched_to_64_or_twice_k(k, depth):
    assert default_candidates(k) == depth
    assert ranker().search(BOTH, k).plan["fusion"]["candidates"] == depth


def test_candidates_set_the_depth_but_never_below_k():
    shallow = ranker(candidates=2)
    # words: a, d; dots: c, d
    assert shallow.search(BOTH, 1).ids.tolist() == ["d"]
    assert shallow.search(BOTH, 2).ids.tolist() == ["d", "c"]
    assert ranker().search(BOTH, 1).ids.tolist() == ["c"]
    assert shallow.search(BOTH, 4).plan["fusion"]["candidates"] == 4


def test_every_leg_filters_before_it_ranks():
    hits = ranker().search(BOTH, 5, allowed=Bitmap.from_docs(5, [3, 4]))
    assert hits.ids.tolist() == ["a", "b"]
    assert hits.scores.tolist() == [1 / 61 + 1 / 61, 1 / 62]


def test_many_queries_are_asked_together_where_a_retriever_can():
    class Together(Words):
        asked = 0

        def search_many(self, queries, k=10):
            Together.asked += 1
            return [self.search(query, k) for query in queries]

    fused = FusionRanker([Together(TEXTS), Words(TEXTS)])
    found = fused.search_many(["dog", "cat"], 2)
    assert Together.asked == 1
    for query, hits in zip(["dog", "cat"], found, strict=True):
        expected = fused.search(query, 2)
        assert hits.ids.tolist() == expected.ids.tolist()
        assert hits.scores.tolist() == expected.scores.tolist()
    allowed = Bitmap.from_docs(5, [0])
    assert [len(hits) for hits in fused.search_many(["dog", "cat"], allowed=allowed)] == [0, 1]


def test_a_query_that_a_leg_cannot_use_is_refused():
    with pytest.raises(InvalidArgument, match="must be a vector"):
        ranker().search("dog")
    with pytest.raises(InvalidArgument, match="must be text"):
        ranker().search([0.0, 1.0])


@pytest.mark.parametrize("queries", ["dog", BOTH, 3, None, {"q": "dog"}])
def test_many_queries_are_a_sequence(queries):
    with pytest.raises(InvalidArgument, match="sequence of queries"):
        ranker().search_many(queries)


@pytest.mark.parametrize("retrievers", [[], Words(TEXTS), "words", [3], [Words], {"a": 1}])
def test_retrievers_are_a_sequence_of_retrievers(retrievers):
    with pytest.raises(InvalidArgument, match="retrievers"):
        FusionRanker(retrievers)


@pytest.mark.parametrize("method", ["rrf", RRF, 60])
def test_a_method_is_an_instance(method):
    with pytest.raises(InvalidArgument, match="method"):
        ranker(method=method)


@pytest.mark.parametrize("candidates", [0, -1, 1.5, "100", True])
def test_candidates_are_a_whole_number(candidates):
    with pytest.raises(InvalidArgument, match="candidates"):
        ranker(candidates=candidates)


def test_retrievers_that_name_documents_in_two_ways_are_refused():
    with pytest.raises(InvalidArgument, match="by integers, others by strings"):
        FusionRanker([Words(TEXTS, IDS), Dots(VECTORS)]).search(BOTH)
