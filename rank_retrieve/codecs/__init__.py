"""How do integers, terms and blocks become bytes? One module for each encoding; import it by name.

`varint`, `zigzag`, `bitpack` (integers), `checksum`, `frames` (bytes), `fst` (terms).
"""
