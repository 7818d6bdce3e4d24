"""How often a phrase occurs among positions: exactly, or as Lucene counts sloppy ones.

An exact phrase occurs where every term stands at one base position plus its place in the phrase.
A sloppy one is counted as Lucene's `SloppyPhraseMatcher` does: positions are taken less the place
in the phrase, the smallest window over one position of each slot is a match of length
max - min, and a match of length d <= slop counts 1 / (1 + d). Two slots of one term never share
a position.

The positions of each list stand in work.positions between work.bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, merged

# the caller gives more room for positions and calls again
NEEDS_ROOM = -20


@merged
def _exact(slots: Any, work: Any, room_at: Any) -> Any:
    """How often the phrase occurs in the positions between work.bounds; or a negative code."""
    positions, bounds = work.positions, work.bounds
    bases = bounds[slots.lists[0]]
    n = bounds[slots.lists[0] + 1] - bases
    if room_at + n > len(positions):
        return np.int64(NEEDS_ROOM)
    for s in range(1, len(slots.lists)):
        place = slots.places[s]
        at, end = bounds[slots.lists[s]], bounds[slots.lists[s] + 1]
        i, kept = np.int64(0), np.int64(0)
        # which of two positions is the lesser cannot be foreseen: no branches on it
        while i < n and at < end:
            base = positions[np.uint64(bases + i)]
            wanted, found = base + place, positions[np.uint64(at)]
            positions[np.uint64(room_at + kept)] = base
            kept += np.int64(wanted == found)
            i += np.int64(wanted <= found)
            at += np.int64(found <= wanted)
        n, bases = kept, room_at
    return n


@borrowed
def _first_in_queue(slots: Any, work: Any) -> Any:
    """The slot with the least position of those that wait, then the first in the phrase; -1."""
    first = np.int64(-1)
    for s in range(len(slots.lists)):
        if work.waiting[s] != 0 and (first < 0 or work.at[s] < work.at[first]):
            first = np.int64(s)
    return first


@borrowed
def _step(slots: Any, work: Any, slot: Any) -> Any:
    """Move a slot to its next position; whether there is one."""
    following = work.places[slot] + np.int64(1)
    if following >= work.bounds[slots.lists[slot] + 1]:
        return False
    work.places[slot] = following
    work.at[slot] = work.positions[following] - slots.places[slot]
    return True


@borrowed
def _part(slots: Any, work: Any, slot: Any, end: Any) -> Any:
    """Move slots of one term apart after `slot` has moved; the greatest position, or -1 at the end.

    The lesser of two that share a position moves on, until none do.
    """
    while True:
        other = np.int64(-1)
        for s in range(len(slots.lists)):
            if s != slot and work.places[s] == work.places[slot]:
                other = np.int64(s)
                break
        if other < 0:
            return end
        # both stand at one place, so the later slot has the lesser adjusted position
        slot = max(slot, other)
        if not _step(slots, work, slot):
            return np.int64(-1)
        end = max(end, work.at[slot])


@borrowed
def _sloppy(slots: Any, work: Any) -> Any:
    """The sloppy frequency of the phrase in the positions between work.bounds."""
    n_slots = np.int64(len(slots.lists))
    end: Any = np.int64(0)
    for s in range(n_slots):
        rank = np.int64(0)
        for earlier in range(s):
            rank += np.int64(slots.lists[earlier] == slots.lists[s])
        place = work.bounds[slots.lists[s]] + rank
        if place >= work.bounds[slots.lists[s] + 1]:
            return 0.0
        work.places[s] = place
        work.at[s] = work.positions[place] - slots.places[s]
        work.waiting[s] = np.int64(1)
        end = work.at[s] if s == 0 else max(end, work.at[s])
    frequency = 0.0
    slot: Any = _first_in_queue(slots, work)
    work.waiting[slot] = np.int64(0)
    length: Any = end - work.at[slot]
    following: Any = work.at[_first_in_queue(slots, work)]
    while _step(slots, work, slot):
        end = max(end, work.at[slot])
        if slots.repeats != 0:
            parted = _part(slots, work, slot, end)
            if parted < 0:
                break
            end = parted
        if work.at[slot] > following:
            work.waiting[slot] = np.int64(1)
            if length <= slots.slop:
                frequency += 1.0 / (1.0 + np.float64(length))
            slot = _first_in_queue(slots, work)
            work.waiting[slot] = np.int64(0)
            length = end - work.at[slot]
            following = work.at[_first_in_queue(slots, work)]
        else:
            length = min(length, end - work.at[slot])
    if length <= slots.slop:
        frequency += 1.0 / (1.0 + np.float64(length))
    return frequency


@merged
def phrase_frequency(slots: Any, work: Any, room_at: Any) -> Any:
    """How often the phrase occurs, at least 0, or a negative code."""
    if slots.slop == 0:
        return np.float64(_exact(slots, work, room_at))
    return _sloppy(slots, work)
