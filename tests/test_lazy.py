"""Names that load when they are first used."""

import subprocess
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from rank_retrieve._lazy import lazy_exports


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Of a package `parcel` with two modules: `inner`, which has a `Thing`, and `whole`."""
    for name in ("parcel", "parcel.inner", "parcel.whole"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    vars(sys.modules["parcel.inner"])["Thing"] = "a thing"
    return lazy_exports("parcel", {"inner": ("Thing", "Absent"), "whole": ()})


def test_a_name_comes_from_its_module_and_is_kept(load: Callable[[str], Any]) -> None:
    assert load("Thing") == "a thing"
    assert vars(sys.modules["parcel"])["Thing"] == "a thing"


def test_a_module_without_names_is_exported_itself(load: Callable[[str], Any]) -> None:
    assert load("whole") is sys.modules["parcel.whole"]


@pytest.mark.usefixtures("load")
def test_a_module_among_its_own_names_is_exported_too() -> None:
    both = lazy_exports("parcel", {"inner": ("Thing", "inner")})
    assert (both("Thing"), both("inner")) == ("a thing", sys.modules["parcel.inner"])


def test_other_names_are_told_as_python_does(load: Callable[[str], Any]) -> None:
    with pytest.raises(AttributeError, match="module 'parcel' has no attribute 'Nothing'"):
        load("Nothing")
    with pytest.raises(AttributeError, match=r"module 'parcel\.inner' has no attribute 'Absent'"):
        load("Absent")
    with pytest.raises(AttributeError, match="module 'parcel' has no attribute 'inner'"):
        load("inner")


def test_importing_a_package_loads_none_of_its_modules() -> None:
    packages = ("collection", "dense", "lexical", "encoders", "testing", "codecs.fst")
    names = [f"rank_retrieve.{package}" for package in packages]
    code = (
        f"import sys, {', '.join(names)}\n"
        f"print([m for m in sys.modules for n in {names!r} if m.startswith(n + '.')])\n"
        "print({'numba', 'numpy', 'scipy'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\nset()\n"
