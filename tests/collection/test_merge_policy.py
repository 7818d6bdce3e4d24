"""Which neighbours are merged, decided from sizes alone."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.collection.merge_policy import MergePolicy, SegmentSize

POLICY = MergePolicy(
    fanout=3, max_segments=6, floor_bytes=100, deleted_share=0.3, max_merged_bytes=10_000
)


def sizes(*live_bytes: int) -> list[SegmentSize]:
    return [SegmentSize(n, n, n) for n in live_bytes]


def test_a_tier_is_a_factor_of_the_fanout_above_the_floor() -> None:
    tiers = [POLICY.tier(size) for size in sizes(0, 99, 100, 299, 300, 899, 900)]
    assert tiers == [0, 0, 1, 1, 2, 2, 3]


def test_only_live_bytes_count_for_the_tier() -> None:
    assert POLICY.tier(SegmentSize(nbytes=1000, n_docs=10, n_live=1)) == 1


def test_fewer_than_the_fanout_are_left_alone() -> None:
    assert POLICY.next_merge(sizes(50, 50)) is None
    assert POLICY.next_merge([]) is None


def test_the_fanout_of_similar_size_becomes_one() -> None:
    assert POLICY.next_merge(sizes(50, 60, 70)) == range(3)
    assert POLICY.next_merge(sizes(500, 50, 60, 70)) == range(1, 4)


def test_only_neighbours_are_merged() -> None:
    # a larger segment between two runs keeps them apart
    assert POLICY.next_merge(sizes(50, 60, 500, 50, 60)) is None


def test_smaller_segments_between_those_of_a_tier_come_along() -> None:
    assert POLICY.next_merge(sizes(150, 50, 150, 150, 9)) == range(5)
    assert POLICY.next_merge(sizes(2000, 150, 50, 150, 150)) == range(1, 5)


def test_the_lowest_tier_goes_first() -> None:
    assert POLICY.next_merge(sizes(150, 150, 150, 50, 50, 50)) == range(3, 6)


def test_of_a_run_that_would_be_too_much_the_oldest_that_fit_are_merged() -> None:
    assert POLICY.next_merge(sizes(3000, 3000, 3000, 3000)) == range(3)
    assert POLICY.next_merge(sizes(5000, 5000, 5000)) == range(2)
    assert POLICY.next_merge(sizes(6000, 6000, 6000)) is None


def test_a_segment_with_many_deletes_is_rewritten() -> None:
    kept = SegmentSize(nbytes=1000, n_docs=100, n_live=70)
    rewritten = SegmentSize(nbytes=1000, n_docs=100, n_live=69)
    assert POLICY.next_merge([kept]) is None
    assert POLICY.next_merge([kept, rewritten]) == range(1, 2)
    # a small one wastes little, and is merged with others soon
    assert POLICY.next_merge([SegmentSize(nbytes=99, n_docs=100, n_live=1)]) is None


def test_too_many_segments_of_different_tiers_lose_the_cheapest_neighbours() -> None:
    many = sizes(9_000, 3_000, 900, 450, 110, 40, 20)
    assert len(many) == POLICY.max_segments + 1
    assert POLICY.next_merge(many) == range(5, 7)


segments = st.tuples(st.integers(0, 20_000), st.integers(1, 50), st.floats(0, 1)).map(
    lambda t: SegmentSize(t[0], t[1], round(t[1] * t[2]))
)


@settings(deadline=None, max_examples=100)
@given(present=st.lists(segments, max_size=60))
def test_applying_the_answers_ends_and_keeps_every_live_byte(present: list[SegmentSize]) -> None:
    policy = MergePolicy(fanout=4, max_segments=8, floor_bytes=64, max_merged_bytes=1 << 40)
    live = sum(size.n_live for size in present)
    for _ in range(200):
        chosen = policy.next_merge(present)
        if chosen is None:
            break
        assert 0 <= chosen.start < chosen.stop <= len(present)
        merged = [present[position] for position in chosen]
        size = SegmentSize(
            sum(s.live_bytes for s in merged),
            sum(s.n_live for s in merged),
            sum(s.n_live for s in merged),
        )
        present[chosen.start : chosen.stop] = [size] if size.n_live else []
    else:
        raise AssertionError("the policy never comes to rest")
    assert len(present) <= policy.max_segments
    assert sum(size.n_live for size in present) == live


def apply(policy: MergePolicy, present: list[SegmentSize]) -> None:
    """Merge until all is well; every merge stays within the budget."""
    for _ in range(500):
        chosen = policy.next_merge(present)
        if chosen is None:
            return
        live = sum(present[position].live_bytes for position in chosen)
        n_live = sum(present[position].n_live for position in chosen)
        assert live <= policy.max_merged_bytes
        present[chosen.start : chosen.stop] = [SegmentSize(live, n_live, n_live)] * bool(n_live)
    raise AssertionError("the policy never comes to rest")


@settings(deadline=None, max_examples=100)
@given(present=st.lists(segments, max_size=60), budget=st.integers(1_000, 60_000))
def test_segments_at_rest_are_few_or_neighbours_that_are_too_much_for_one_merge(
    present: list[SegmentSize], budget: int
) -> None:
    policy = MergePolicy(fanout=4, max_segments=8, floor_bytes=64, max_merged_bytes=budget)
    apply(policy, present)
    live = sum(size.live_bytes for size in present)
    assert len(present) <= max(policy.max_segments, 2 * live / budget + 1)
    for size in present:
        kept = size.deleted_share <= policy.deleted_share or size.nbytes < policy.floor_bytes
        assert kept or size.live_bytes > budget


def test_when_all_surplus_neighbours_are_too_much_fewer_of_them_are_merged() -> None:
    policy = MergePolicy(fanout=99, max_segments=2, floor_bytes=1, max_merged_bytes=1_000)
    assert policy.next_merge(sizes(400, 900, 300, 600)) == range(2, 4)
    assert policy.next_merge(sizes(400, 300, 200, 300)) == range(1, 4)
    assert policy.next_merge(sizes(600, 900, 600)) is None


def test_deleting_a_half_gives_a_half_of_the_space_back() -> None:
    rng = random.Random(5)
    policy = MergePolicy(floor_bytes=1_000, max_merged_bytes=1 << 40)
    present = sizes(*(rng.randrange(500, 200_000) for _ in range(30)))
    apply(policy, present)
    before = sum(size.nbytes for size in present)
    present = [SegmentSize(s.nbytes, s.n_docs, s.n_live // 2) for s in present]
    apply(policy, present)
    assert sum(size.nbytes for size in present) <= 0.51 * before


def test_ten_thousand_tiny_flushes_never_pile_up() -> None:
    policy, present, most = MergePolicy(), sizes(200 << 20), 0
    for _ in range(10_000):
        present += sizes(3_000)
        apply(policy, present)
        most = max(most, len(present))
    assert most <= 1 + 10 + 9  # the large one, those below 1 MiB, and those of the tier above


def test_many_flushes_cost_few_rewrites_and_leave_few_segments() -> None:
    rng = random.Random(1)
    policy = MergePolicy(fanout=10, max_segments=40, floor_bytes=1_000)
    present: list[SegmentSize] = []
    written = put = 0
    for _ in range(2_000):
        n = rng.randrange(500, 1_500)
        put += n
        present += sizes(n)
        while (chosen := policy.next_merge(present)) is not None:
            total = sum(present[position].nbytes for position in chosen)
            written += total
            present[chosen.start : chosen.stop] = sizes(total)
        assert len(present) <= policy.max_segments
    assert written < 5 * put  # about once a tier: 1,000 of 2,000,000 is four tiers below
