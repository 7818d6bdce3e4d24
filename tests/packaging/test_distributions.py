import email
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.packaging.building import ROOT, build, unpacked

pytest.importorskip("hatchling")
pytestmark = pytest.mark.xdist_group("packaging")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def tree(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(sdist, tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tree, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def project() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def sources() -> set[str]:
    """The package's files, without what Python and Numba leave beside them."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rank_retrieve").rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".nbc", ".nbi")
    }


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    files = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert files == sources()
    assert "rank_retrieve/py.typed" in files
    assert wheel.name.endswith("-py3-none-any.whl")


def test_a_wheel_of_the_tree_and_one_of_the_sdist_are_the_same(wheel: Path, tmp_path: Path) -> None:
    assert contents(build("wheel", ROOT, tmp_path)) == contents(wheel)


def test_the_sdist_holds_what_tests_and_documentation_need(tree: Path) -> None:
    for name in ("pyproject.toml", "Makefile", "README.md", "LICENSE", "ARCHITECTURE.md"):
        assert (tree / name).read_bytes() == (ROOT / name).read_bytes()
    for folder in ("tests", "docs", "benchmarks"):
        assert (tree / folder).is_dir()
    assert not list(tree.rglob("*.nb[ic]"))


def test_extras_and_the_licence_are_in_the_metadata(metadata: email.message.Message) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) == set(project()["optional-dependencies"])
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"


def test_the_command_and_the_retrievers_are_entry_points(wheel: Path) -> None:
    (text,) = [c for n, c in contents(wheel).items() if n.endswith("/entry_points.txt")]
    assert b"rank-retrieve = rank_retrieve.cli:main" in text
    assert b"[rank_retrieve.retrievers]" in text


def test_every_extra_is_documented() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, flags=re.MULTILINE))
    assert documented == set(project()["optional-dependencies"])


def test_the_lowest_versions_are_those_of_the_project() -> None:
    from tests.packaging.lowest import pins

    assert pins({"dependencies": ["numpy>=2.0", "PyStemmer>=2.2.0.3"]}) == [
        "numpy==2.0",
        "PyStemmer==2.2.0.3",
    ]
    both = {"dependencies": ["a>=1"], "optional-dependencies": {"x": ["b>=2"], "y": ["c>=3"]}}
    assert pins(both, extras=["x"]) == ["a==1", "b==2"]
    with pytest.raises(ValueError, match="has no lower bound: 'numpy'"):
        pins({"dependencies": ["numpy"]})
    assert len(pins(project())) == len(project()["dependencies"])


def test_importing_the_package_loads_no_dependency() -> None:
    heavy = {"numpy", "scipy", "numba", "llvmlite", "msgspec", "zstandard", "typer", "rich"}
    program = f"import sys, rank_retrieve; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
