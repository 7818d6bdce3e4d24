import importlib
import importlib.util
import os
import subprocess
import sys

import pytest

import rank_retrieve as rr
from rank_retrieve.adapters.exports import adapter_exports

FRAMEWORKS = {
    "langchain": ("langchain_core", "langchain"),
    "haystack": ("haystack", "haystack"),
    "llama_index": ("llama_index.core", "llama-index"),
    "pyterrier": ("pyterrier", "pyterrier"),
}


def test_a_missing_framework_is_missed_with_the_command_that_installs_it() -> None:
    load = adapter_exports("here", {"module": ("Name",)}, needs="no_such_framework", extra="extra")
    with pytest.raises(ImportError, match=r"pip install 'rank-retrieve\[extra\]'"):
        load("Name")
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        load("other")


@pytest.mark.parametrize("adapter", FRAMEWORKS)
def test_every_adapter_names_its_own_extra(adapter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, extra = FRAMEWORKS[adapter]
    package = importlib.import_module(f"rank_retrieve.adapters.{adapter}")
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    for name in package.__all__:
        monkeypatch.delitem(vars(package), name, raising=False)
        with pytest.raises(rr.MissingExtra, match=rf"pip install 'rank-retrieve\[{extra}\]'"):
            getattr(package, name)


def test_importing_the_adapters_loads_no_framework() -> None:
    imports = "; ".join(f"import rank_retrieve.adapters.{adapter}" for adapter in FRAMEWORKS)
    frameworks = {module for module, _ in FRAMEWORKS.values()}
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; {imports}; assert not {frameworks} & set(sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.skipif(not os.environ.get("CI"), reason="elsewhere the suites skip what is missing")
def test_ci_has_every_framework_and_its_suite() -> None:
    suites = ("haystack", "langchain_tests", "llama_index", "pyterrier", "pytest_asyncio")
    for module in (*suites, "hatchling"):
        assert importlib.util.find_spec(module) is not None, module
