"""Which of some tests guard a site: `python -m tests.mutants.discover SITES MODULE[::TEST]...`.

SITES: a regular expression for the sites' names. Only those that no test guards yet are tried, or
all that match with `--again`. TEST: part of the names of tests. Quick tests are tried first.
"""

import importlib
import inspect
import re
import sys

from tests.mutants.client import Server
from tests.mutants.guards import guards
from tests.mutants.sites import all_sites


def tests_of(module: str, part: str) -> list[str]:
    """The tests of a module that a mutant can be run with."""
    found = vars(importlib.import_module(module)).items()
    return [
        f"{module}::{name}"
        for name, test in found
        if name.startswith("test_")
        and part in name
        and inspect.isfunction(test)
        and not hasattr(test, "hypothesis")
        and not any(mark.name == "reliability" for mark in getattr(test, "pytestmark", []))
    ]


def tell(line: str) -> None:
    """Show at once what was found: each takes a while."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(pattern: str, *places: str, again: bool = False) -> None:
    """Print the first red test of each site."""
    server = Server()
    times: dict[str, float] = {}
    for place in places:
        module, _, part = place.partition("::")
        for test in tests_of(module, part):
            answer = server.ask(None, [test])
            if answer["killer"] is None:
                times[test] = answer["seconds"]
            else:
                tell(f"cannot be used: {test}: {answer['how'][-200:]}")
    for site in all_sites():
        if re.search(pattern, site.name) and (again or site.name not in guards()):
            answer = server.ask(site.name, sorted(times, key=times.__getitem__))
            case = f"[{answer['case']}]" if answer.get("case") else ""
            tell(f"{site.name}: {answer['killer']}{case}: {answer['how'][:100]}")
    server.close()


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--again"]
    main(*words, again="--again" in sys.argv)
