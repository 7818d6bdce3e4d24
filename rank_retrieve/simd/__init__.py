"""Which instructions does plain Numba not reach? Vector operations as intrinsics, lowest layer.

features    what the processor can do, as far as kernels are told
integers    unpacking, masks and counts of integers
saturation  BM25 contributions of blocks of postings, and their bounds
floats      sums of products
memory      prefetching
pools       sorted insertion without branches

Every operation has a twin without intrinsics; a kernel takes one or the other when it is
compiled, and both give the same result.
"""
