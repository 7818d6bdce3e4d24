"""What counts as a site, and what a mutant is, on sources that are made for it."""

import ast
import textwrap

import pytest

from tests.mutants.mutation import without
from tests.mutants.sites import all_sites, sites_in

SOURCE = textwrap.dedent(
    """
    import os
    from rank_retrieve.codecs.checksum import crc32c

    class Thing:
        def save(self, directory, output):
            output.sync()
            directory.sync_directory()
            os.fsync(self.fd)
            synchronous(output)

        def read(self, view, expected):
            got = crc32c(view)
            if got != expected:
                raise CorruptionError("x")
            if len(view) > 9:
                raise CorruptionError("x")
            return len(view) == 3

        def both(self):
            with self._lock, open("x") as file:
                self.n += 1
            with self._database._locked_for("write"):
                self.n += 1
            with self._locked():
                pass
            held = self._group.lead(1)
            with held as leads:
                return leads

        def take(self):
            return self.directory.lock("lock", "x")

    def check(reader):
        reader.verify()
    """
)


def found(module: str = "persistence.toy") -> dict[str, int]:
    return {
        site.name: site.line
        for site, _ in sites_in(module, ast.parse(SOURCE), frozenset({"verify"}))
    }


def test_syncs_checks_and_locks_are_found_and_named_by_function_and_order() -> None:
    toy = "persistence.toy:"
    assert found() == {
        f"{toy}Thing.save:sync:1": 7,
        f"{toy}Thing.save:sync:2": 8,
        f"{toy}Thing.save:sync:3": 9,
        f"{toy}Thing.read:crc:1": 14,
        f"{toy}Thing.read:bound:1": 16,
        f"{toy}Thing.both:lock:1": 21,
        f"{toy}Thing.both:lock:2": 23,
        f"{toy}Thing.both:lock:3": 25,
        f"{toy}Thing.both:lock:4": 28,
        f"{toy}Thing.take:take:1": 32,
        f"{toy}check:check:1": 35,
    }


def test_bounds_are_sites_where_files_are_read_only() -> None:
    assert set(found("collection.toy")) == {
        name.replace("persistence", "collection") for name in found() if ":bound:" not in name
    }


@pytest.mark.parametrize(
    ("site", "gone", "instead"),
    [
        ("Thing.save:sync:2", "directory.sync_directory()", "None"),
        ("Thing.read:crc:1", "if got != expected:", "if False:"),
        ("Thing.read:bound:1", "if len(view) > 9:", "if False:"),
        ("Thing.both:lock:1", "with self._lock, open('x') as file:", "with open('x') as file:"),
        ("Thing.both:lock:2", "with self._database", ".released(self._database._locked_for("),
        ("Thing.both:lock:3", "with self._locked():", "if True:"),
        ("Thing.both:lock:4", "with held as leads:", ".released(held) as leads:"),
        ("Thing.take:take:1", "self.directory.lock('lock', 'x')", ".NoLock()"),
        ("check:check:1", "reader.verify()", "pass"),
    ],
)  # fmt: skip
def test_a_mutant_is_without_one_site_and_otherwise_the_same(
    site: str, gone: str, instead: str
) -> None:
    whole = ast.unparse(ast.parse(SOURCE)).splitlines()
    name = f"persistence.toy:{site}"
    mutant = ast.unparse(without(name, ast.parse(SOURCE), frozenset({"verify"}))).splitlines()
    different = [(a, b) for a, b in zip(whole, mutant, strict=True) if a != b]
    ((before, after),) = different
    assert gone in before
    assert gone not in after
    assert instead in after


def test_an_unknown_site_is_refused() -> None:
    with pytest.raises(LookupError, match="sync:9"):
        without("persistence.toy:Thing.save:sync:9", ast.parse(SOURCE))


def test_names_of_sites_are_unique() -> None:
    names = [site.name for site in all_sites()]
    assert len(set(names)) == len(names)
