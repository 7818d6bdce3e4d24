"""Which value belongs to a term, and which terms are like it? An ordered map in one byte string.

A finite state transducer: the smallest acyclic automaton that spells all terms, with a number
on each transition; the numbers along a term's path add up to its value. `FstBuilder` (or
`build`) writes one from sorted terms, `Fst.open` reads it where it lies.

    offset  size  type    field
    0       4     u8[]    magic "RRFS"
    4       2     u16 LE  version, 1
    6       2     u16 LE  flags, 0
    8       8     u64 LE  number of terms
    16      8     u64 LE  bytes of all terms together
    24      8     u64 LE  length of the whole FST in bytes
    32      4     u32 LE  bytes of the longest term, 0..4096
    36      4     u32 LE  0
    40      80    u8[]    labels of the one-byte nodes, below
    120     1     u8      F0: the leaf, a node that ends a term and has no transition
    121     ...           the other nodes without gaps, children before their parents; the
                          root is the last

The address of a node is the offset of its last byte, its header. Bits of the header: 7 final
(a term ends here), 3..6 kind, 0..2 low.

    kind    node                     bytes, in order of the file
    0..8    branch: 1..256           deltas   n * (low + 1)  u LE
            transitions, ascending   outputs  n * kind       u LE
            by label                 labels   n              u8
                                     final output, kind bytes, if final
                                     n - 1                   u8
                                     header
    9..13   short chain              header
    14      leaf, or empty root      final output, 8 bytes, if low is 1
                                     header
    15      chain                    label                   u8
                                     header

A delta is the distance from the first byte of the node down to the child's address; 0 means the
leaf. Chains have one transition without output; it leads to the node that ends right before
their first byte. A short chain is never final: its bit 7 is part of its code, (kind - 9) * 8 +
low + 40 * bit 7, and its label is byte 40 + code of the file.

The terms "a" = 0 and "ab" = 1, without the header and the labels:

    offset  bytes              node
    120     F0                 the leaf
    121     00 01 62 00 00 88  delta 0 (the leaf), output 1, label b, final output 0, n - 1 = 0,
                               header 88: final, outputs of 1 byte, deltas of 1 byte
    127     48                 root: a short chain, code 0, label a, to the node at 126
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.codecs.fst.automaton import Automaton, levenshtein
    from rank_retrieve.codecs.fst.builder import FstBuilder, build
    from rank_retrieve.codecs.fst.patterns import regex, wildcard
    from rank_retrieve.codecs.fst.reader import Fst

__all__ = ["Automaton", "Fst", "FstBuilder", "build", "levenshtein", "regex", "wildcard"]

__getattr__ = lazy_exports(
    __name__,
    {
        "automaton": ("Automaton", "levenshtein"),
        "builder": ("FstBuilder", "build"),
        "patterns": ("regex", "wildcard"),
        "reader": ("Fst",),
    },
)
