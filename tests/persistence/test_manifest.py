from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import (
    CorruptionError,
    FormatVersionError,
    InvalidArgument,
    NotFound,
    RankRetrieveError,
)
from rank_retrieve.persistence.manifest import (
    CollectionEntry,
    FileEntry,
    Manifest,
    SegmentEntry,
    load,
    publish,
)
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind

ID = b"0123456789abcdef"


def example():
    return Manifest(
        database_id=ID,
        generation=7,
        epoch=2,
        next_file_number=10,
        wal_number=4,
        next_collection_id=3,
        collections=[
            CollectionEntry(
                2,
                "papers",
                {"fields": {"text": {"analyzer": "english", "boost": 1.5}}},
                [
                    SegmentEntry("segment-0000000001.rrs", 1000, 5, 10),
                    SegmentEntry(
                        "segment-0000000002.rrs",
                        2000,
                        6,
                        20,
                        FileEntry("deletions-0000000003.rrs", 300, 7),
                    ),
                ],
                99,
                FileEntry("encoder-0000000009.rrs", 400, 8),
            )
        ],
    )


def enveloped(payload, *, version=1, magic=b"\x89RRMFT\r\n"):
    prefix = magic + version.to_bytes(2, "little") + b"\0\0" + len(payload).to_bytes(4, "little")
    return prefix + crc32c(prefix + payload).to_bytes(4, "little") + payload


def load_bytes(contents):
    return load(MemoryDirectory({"manifest": contents}))


def changed(**changes):
    """The example's payload with other top-level fields, unchecked."""
    fields = msgspec.json.decode(msgspec.json.encode(example()))
    fields.update(changes)
    return enveloped(msgspec.json.encode(fields))


def changed_collection(**changes):
    fields = msgspec.json.decode(msgspec.json.encode(example()))["collections"][0]
    fields.update(changes)
    return changed(collections=[fields])


def changed_segment(**changes):
    fields = {"name": "segment-0000000001.rrs", "size": 1, "checksum": 1, "n_docs": 1}
    return changed_collection(segments=[{**fields, **changes}])


def test_the_bytes_of_a_new_database():
    directory = MemoryDirectory()
    publish(directory, Manifest(database_id=bytes(16)))
    payload = (
        b'{"database_id":"AAAAAAAAAAAAAAAAAAAAAA==","generation":1,"epoch":1,'
        b'"next_file_number":1,"wal_number":1,"collections":[],"next_collection_id":1,'
        b'"features":[],"format_version":1}'
    )
    assert len(payload) == 0xB0
    prefix = bytes.fromhex("89 52 52 4d 46 54 0d 0a 01 00 00 00 b0 00 00 00")
    checksum = crc32c(prefix + payload).to_bytes(4, "little")
    assert directory.files() == {"manifest": prefix + checksum + payload}


def test_what_is_published_is_loaded():
    directory = MemoryDirectory()
    publish(directory, example())
    assert load(directory) == example()
    publish(directory, msgspec.structs.replace(example(), generation=8))
    assert load(directory).generation == 8
    assert directory.list() == ["manifest"]


def test_a_manifest_lists_its_files():
    assert [file.name for file in example().files()] == [
        "segment-0000000001.rrs",
        "segment-0000000002.rrs",
        "deletions-0000000003.rrs",
        "encoder-0000000009.rrs",
    ]


def test_no_manifest_is_not_found():
    with pytest.raises(NotFound):
        load(MemoryDirectory())


def test_every_changed_byte_and_every_truncation_is_detected():
    directory = MemoryDirectory()
    publish(directory, example())
    whole = directory.read("manifest", 10_000)
    for place in range(len(whole)):
        for flip in (0x01, 0x20, 0x80):
            damaged = bytearray(whole)
            damaged[place] ^= flip
            with pytest.raises((CorruptionError, FormatVersionError)):
                load_bytes(bytes(damaged))
        with pytest.raises((CorruptionError, FormatVersionError)):
            load_bytes(whole[:place])
    with pytest.raises(CorruptionError):
        load_bytes(whole + b"\0")


def test_newer_and_foreign_files_are_refused():
    payload = msgspec.json.encode(example())
    with pytest.raises(FormatVersionError, match="version 2"):
        load_bytes(enveloped(payload, version=2))
    with pytest.raises(FormatVersionError, match="magic 53 51 4c 69 74 65 20 66"):
        load_bytes(b"SQLite format 3\0" + bytes(100))


def test_unknown_features_are_a_newer_format_even_with_unknown_fields():
    with pytest.raises(FormatVersionError, match="time-travel"):
        load_bytes(changed(features=["time-travel"]))
    with pytest.raises(FormatVersionError, match="time-travel"):
        load_bytes(changed(features=["time-travel"], history=[1, 2]))
    with pytest.raises(CorruptionError, match="history"):
        load_bytes(changed(history=[1, 2]))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (changed(database_id="AAAA"), "3 bytes"),
        (changed(format_version=2), "inside an envelope"),
        (changed(generation=0), "generation 0"),
        (changed(epoch=-1), "epoch -1"),
        (changed(next_file_number=2**62 + 1), "next_file_number"),
        (changed(wal_number=0), "wal_number 0"),
        (changed(wal_number="4"), "wal_number"),
        (changed(next_file_number=9), "not below next_file_number 9"),
        (changed(next_collection_id=2), "id outside 1..1"),
        (changed_collection(id=0), "id outside"),
        (changed_collection(name=""), "name"),
        (changed_collection(name="a\x00b"), "name"),
        (changed_collection(name="x" * 256), "name"),
        (changed_collection(flushed_lsn=-1), "flushed_lsn -1"),
        (changed_segment(name="../../etc/passwd"), "no name of a published file"),
        (changed_segment(name="manifest"), "no name of a published file"),
        (changed_segment(name="wal-0000000001.log"), "no name of a published file"),
        (changed_segment(n_docs=-1), "-1 documents"),
        (changed_segment(n_docs=2**31), "documents"),
        (changed_segment(size=-1), "-1 bytes"),
        (changed_segment(checksum=2**32), "checksum 4294967296"),
        (
            changed_segment(deletions={"name": "segment-0000000001.rrs", "size": 1, "checksum": 1}),
            "published twice",
        ),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_corruption(contents, message):
    with pytest.raises(CorruptionError, match=message):
        load_bytes(contents)


def test_two_collections_share_neither_id_nor_name():
    one = CollectionEntry(1, "a", {})
    for other in (CollectionEntry(1, "b", {}), CollectionEntry(2, "a", {})):
        manifest = Manifest(database_id=ID, collections=[one, other], next_collection_id=3)
        with pytest.raises(InvalidArgument, match="one id or name"):
            publish(MemoryDirectory(), manifest)


def test_a_manifest_that_breaks_a_rule_is_not_published():
    directory = MemoryDirectory()
    with pytest.raises(InvalidArgument):
        publish(directory, Manifest(database_id=b"short"))
    assert directory.list() == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 1_000_000,
        b'{"collections":' + b"[" * 100_000,
        b'{"features":' + b'{"a":' * 100_000,
        b'{"database_id":"\xff"}',
        b'{"database_id":"!!"}',
        b'{"generation":1e999}',
        b'{"generation":NaN}',
        b'{"generation":' + b"9" * 10_000 + b"}",
    ],
)
def test_hostile_payloads_are_corruption(payload):
    with pytest.raises(CorruptionError):
        load_bytes(enveloped(payload))


def test_a_file_above_the_limit_is_not_read(monkeypatch):
    monkeypatch.setattr("rank_retrieve.persistence.manifest.MAX_BYTES", 100)
    with pytest.raises(CorruptionError, match="at most 100 bytes"):
        load_bytes(bytes(101))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from([field.name for field in msgspec.structs.fields(Manifest)])


@given(st.dictionaries(FIELDS, JSON))
@settings(deadline=None, max_examples=100)
def test_arbitrary_fields_raise_typed_errors_only(fields):
    with suppress(RankRetrieveError):
        load_bytes(changed(**fields))


@pytest.mark.parametrize("kind", [FaultKind.EIO, FaultKind.ENOSPC, FaultKind.SHORT_WRITE])
def test_a_failing_publication_leaves_a_whole_state(kind):
    counter = FaultDirectory(MemoryDirectory())
    publish(counter, example())
    for at in range(1, counter.count(kind) + 1):
        inner = MemoryDirectory()
        publish(inner, example())
        failing = FaultDirectory(inner, Fault(kind, at))
        with pytest.raises(OSError, match=r"error|space"):
            publish(failing, msgspec.structs.replace(example(), generation=8))
        renamed = failing.performed.count("sync_directory") == 2
        assert load(inner).generation == (8 if renamed else 7)
