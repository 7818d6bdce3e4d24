"""Which instructions does plain Numba not reach? Vector operations as intrinsics, lowest layer.

features    what the processor can do, as far as kernels are told
integers    unpacking, masks and counts of integers
bits        numbers of a few bits each: one of them, or the sum of many
gathers     comparisons of values at given numbers
saturation  BM25 contributions of blocks of postings, and their bounds
floats      sums of products
halves      float16 as float32
code_tiles  products of eight-bit codes of sixteen rows at a time, and bounds from them
bit_planes  ones that a row shares with the bit planes of a query
tiles       products of points with packed centres, and the nearest of these
tables      entries looked up by codes, summed, and turned into estimates
memory      prefetching
pools       sorted insertion without branches

Every operation has a twin without intrinsics; a kernel takes one or the other when it is
compiled, and both give the same result.
"""
