import sys

import pytest

from rank_retrieve._extras import require
from rank_retrieve.errors import MissingExtra


def test_a_module_that_is_there_is_imported() -> None:
    assert require("json", "any") is sys.modules["json"]


@pytest.mark.parametrize("module", ["no_such_module_at_all", "no_such_module_at_all.within"])
def test_a_missing_one_is_told_with_the_command(module: str) -> None:
    with pytest.raises(MissingExtra) as caught:
        require(module, "parquet")
    assert str(caught.value) == (
        f"the module {module} is not installed. Run: pip install 'rank-retrieve[parquet]'."
    )
    assert isinstance(caught.value, ImportError)


def test_a_module_that_misses_another_is_not_called_missing(tmp_path, monkeypatch) -> None:
    (tmp_path / "half_there.py").write_text("import no_such_module_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all") as caught:
        require("half_there", "any")
    assert not isinstance(caught.value, MissingExtra)
