"""A copy of a database is verified before it becomes one."""

import pytest

from rank_retrieve.errors import CorruptionError, NotFound
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.image import Image, take_image, write_image
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from tests.persistence.mini_engine import MiniEngine, read


def database() -> MemoryDirectory:
    directory = MemoryDirectory()
    engine = MiniEngine(directory)
    for record in (b"one", b"two"):
        engine.put(record)
    engine.flush()
    engine.put(b"three")
    engine.log.close()
    return directory


def test_a_copy_has_what_the_database_had() -> None:
    copy = MemoryDirectory()
    write_image(take_image(database()), copy)
    assert read(copy) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("section", [b"one", b"two"])
def test_a_copy_of_damaged_contents_is_never_published(section: bytes) -> None:
    """The footer still holds: only reading every section finds it."""
    image = take_image(database())
    damaged = {
        name: memoryview(bytes(contents).replace(section, b"xxx"))
        if "segment" in name
        else contents
        for name, contents in image.files.items()
    }
    copy = MemoryDirectory()
    with pytest.raises(CorruptionError, match="section"):
        write_image(Image(image.manifest, damaged), copy)
    with pytest.raises(NotFound):
        manifests.load(copy)


def test_a_copy_without_one_of_its_files_is_never_published() -> None:
    image = take_image(database())
    incomplete = {name: c for name, c in image.files.items() if not name.startswith("segment-")}
    copy = MemoryDirectory()
    with pytest.raises(CorruptionError, match="no file"):
        write_image(Image(image.manifest, incomplete), copy)
    with pytest.raises(NotFound):
        manifests.load(copy)
