"""No sync, check or lock can be taken out of the package without a red test."""

import collections
from collections.abc import Iterator

import pytest

from tests.mutants.client import Server
from tests.mutants.guards import EQUIVALENT, guards
from tests.mutants.sites import KINDS, all_sites
from tests.reliability.counts import record

GUARDS = guards()
GREEN = sorted(set(GUARDS.values()))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def killed() -> Iterator[collections.Counter[str]]:
    """How many mutants of each kind were killed here; written down at the end."""
    counts: collections.Counter[str] = collections.Counter()
    yield counts
    record("mutants", equivalent=len(EQUIVALENT), killed=counts.total(), **counts)


def test_every_site_has_a_guard_or_a_reason_to_have_none() -> None:
    found = {site.name for site in all_sites()}
    listed = GUARDS.keys() | EQUIVALENT.keys()
    assert found - listed == set(), "sites that no test guards; see tests/mutants/guards.py"
    assert listed - found == set(), "guards of sites that are not there any more"
    assert not GUARDS.keys() & EQUIVALENT.keys()
    assert {name.split(":")[2] for name in found} == set(KINDS)


@pytest.mark.parametrize("guard", GREEN)
def test_guards_are_green_with_every_site_in_place(guard: str, server: Server) -> None:
    answer = server.ask(None, [guard])
    assert answer["killer"] is None, answer["how"]


@pytest.mark.parametrize("site", GUARDS)
def test_a_guard_is_red_without_its_site(
    site: str, server: Server, killed: collections.Counter[str]
) -> None:
    kind = site.split(":")[2]
    answer = server.ask(site, [GUARDS[site]])
    # without its bounds a kernel may read what is not there: now and then the process ends
    red = (GUARDS[site], "crash") if kind == "bound" else (GUARDS[site],)
    assert answer["killer"] in red, answer["how"] or "nothing noticed"
    killed[kind] += 1
