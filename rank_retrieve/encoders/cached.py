"""Vectors kept on disk, so that no text is encoded twice.

One SQLite file: table `vectors(key BLOB PRIMARY KEY, row BLOB)`. The key is BLAKE2b, 16 bytes,
over the encoder's fingerprint, "document" or "query", and the text; the row is float32[dim],
little-endian, then the CRC-32C of these bytes (u32).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.encoders.rows import as_rows
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Encoder, Float32s

CHECKSUM_BYTES = 4
# SQLite's oldest limit of parameters in one statement is 999
KEYS_A_LOOKUP = 500


class CachedEncoder:
    """Another encoder with a memory on disk, to be shared by threads and processes.

    encoder: what encodes texts that are not in the file.
    path: of the SQLite file, made where absent. Several encoders may share one.

    The fingerprint is the encoder's own, so a collection opens with or without the cache. A row
    that was damaged on disk is encoded again. Raises InvalidArgument for a file that is no cache.

    """

    def __init__(self, encoder: Encoder, path: str | os.PathLike[str]) -> None:
        if not isinstance(encoder, Encoder):
            raise InvalidArgument("encoder", type(encoder).__name__, "is not an encoder")
        self.encoder, self._path = encoder, os.fspath(path)
        self._lock = threading.Lock()
        with self._refusing():
            self._connection = sqlite3.connect(
                self._path, check_same_thread=False, isolation_level=None
            )
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID"
            )

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self.encoder.dim

    @property
    def fingerprint(self) -> str:
        """That of the encoder within."""
        return self.encoder.fingerprint

    def encode_documents(self, texts: Sequence[str]) -> Float32s:
        """float32 [len(texts), dim]; errors as the encoder within."""
        return self._encode("document", texts, self.encoder.encode_documents)

    def encode_queries(self, texts: Sequence[str]) -> Float32s:
        """float32 [len(texts), dim]; errors as the encoder within."""
        return self._encode("query", texts, self.encoder.encode_queries)

    def close(self) -> None:
        """Let the file go. Encoding afterwards raises InvalidArgument."""
        with self._lock:
            self._connection.close()

    def __len__(self) -> int:
        """How many vectors the file holds, of all encoders."""
        with self._lock, self._refusing():
            return int(self._connection.execute("SELECT count(*) FROM vectors").fetchone()[0])

    def _encode(
        self, role: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Float32s]
    ) -> Float32s:
        rows = np.empty((len(texts), self.dim), dtype=np.float32)
        keys = [self._key(role, text) for text in texts]
        known = self._known(keys)
        lacking = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if lacking:
            made = as_rows(
                encode(list(lacking.values())), len(lacking), self.dim, type(self.encoder).__name__
            )
            self._keep(list(lacking), made)
            known.update(zip(lacking, made, strict=True))
        for number, key in enumerate(keys):
            rows[number] = known[key]
        return rows

    def _key(self, role: str, text: str) -> bytes:
        said = f"{self.fingerprint} {role} {text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(said, digest_size=16).digest()

    def _known(self, keys: list[bytes]) -> dict[bytes, Float32s]:
        found = {}
        wanted = list(dict.fromkeys(keys))
        with self._lock, self._refusing():
            for start in range(0, len(wanted), KEYS_A_LOOKUP):
                some = wanted[start : start + KEYS_A_LOOKUP]
                marks = ",".join("?" * len(some))
                statement = f"SELECT key, row FROM vectors WHERE key IN ({marks})"
                for key, stored in self._connection.execute(statement, some):
                    if _is_whole(stored, self.dim):
                        found[key] = np.frombuffer(stored, dtype="<f4", count=self.dim)
        return found

    def _keep(self, keys: list[bytes], rows: Float32s) -> None:
        stored = [(key, _sealed(row)) for key, row in zip(keys, rows, strict=True)]
        with self._lock, self._refusing(), self._transaction():
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", stored)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise InvalidArgument(
                "path",
                self._path,
                f"cannot serve as a cache of vectors: {error}",
                "close other users of the file, or delete it: it is made again",
            ) from error

    def __repr__(self) -> str:
        return f"CachedEncoder({self.encoder!r}, {self._path!r})"


def _sealed(row: Float32s) -> bytes:
    stored = row.astype("<f4").tobytes()
    return stored + crc32c(stored).to_bytes(CHECKSUM_BYTES, "little")


def _is_whole(stored: object, dim: int) -> bool:
    if not isinstance(stored, bytes) or len(stored) != 4 * dim + CHECKSUM_BYTES:
        return False
    row = stored[:-CHECKSUM_BYTES]
    return crc32c(row).to_bytes(CHECKSUM_BYTES, "little") == stored[-CHECKSUM_BYTES:]
