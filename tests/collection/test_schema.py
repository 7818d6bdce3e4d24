import pytest

from rank_retrieve.collection.schema import Schema, check_collection_name
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import Text, Vector


def test_fields_with_one_analyzer_form_one_group_in_exact_units() -> None:
    schema = Schema(
        {
            "title": Text(analyzer="english", boost=1.5),
            "text": Text(analyzer="english"),
            "abstract": Text(analyzer="german", boost=0.25),
            "vector": Vector(dim=3),
        }
    )
    english, german = schema.groups
    assert (english.fields, english.units, english.scale) == (("title", "text"), (3, 2), 2)
    assert (german.fields, german.units, german.scale) == (("abstract",), (1,), 4)
    assert list(schema.vectors) == ["vector"]


def test_a_schema_survives_its_stored_form() -> None:
    schema = Schema({"text": Text("german", 0.5), "v": Vector(dim=7, metric="dot")})
    assert Schema.from_dict(schema.to_dict(), "manifest").fields == schema.fields


@pytest.mark.parametrize(
    "stored",
    [{"text": {}}, {"text": {"type": "table"}}, {"text": 3}, {"id": {"type": "text"}}, {}],
)
def test_a_damaged_schema_is_corruption(stored: dict[str, object]) -> None:
    with pytest.raises(CorruptionError):
        Schema.from_dict(stored, "manifest")


@pytest.mark.parametrize(
    "fields",
    [{}, {"id": Text()}, {"a.b": Text()}, {"": Text()}, {"text": "english"}, [("text", Text())]],
)
def test_fields_that_do_not_fit_are_refused(fields: object) -> None:
    with pytest.raises(InvalidArgument):
        Schema(fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("boost", [0, -1, 0.005, 101, float("nan"), True, "2"])
def test_a_boost_is_a_multiple_of_a_hundredth(boost: object) -> None:
    with pytest.raises(InvalidArgument):
        Text(boost=boost)  # type: ignore[arg-type]


@pytest.mark.parametrize("dim", [0, -3, 65537, 2.0, True, "3"])
def test_a_dimension_is_a_whole_number_in_range(dim: object) -> None:
    with pytest.raises(InvalidArgument):
        Vector(dim=dim)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "/etc", "..", "a/b", "x" * 129, 3, None, "\ud800"])
def test_collection_names_cannot_leave_the_directory(name: object) -> None:
    with pytest.raises(InvalidArgument):
        check_collection_name(name)
