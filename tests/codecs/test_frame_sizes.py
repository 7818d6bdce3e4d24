"""What a frame declares is compared with what is wanted before memory is taken for it."""

import pytest

from rank_retrieve.codecs.frames import compress, decompress
from rank_retrieve.errors import CorruptionError


@pytest.mark.parametrize("declared", [2, 4, 2**40])
def test_a_frame_that_declares_another_size_is_not_decompressed(declared: int) -> None:
    frame = (
        bytes.fromhex("28b52ffd e0") + declared.to_bytes(8, "little") + bytes.fromhex("010000")
        if declared > 4
        else compress(b"x" * declared)
    )
    with pytest.raises(CorruptionError, match=f"a frame of 3 bytes, got {declared} bytes"):
        decompress(frame, 3, origin="x", offset=0)
