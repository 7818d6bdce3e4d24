"""`rank-retrieve info`: what an index holds."""

from __future__ import annotations

from typing import Any

from rank_retrieve.cli.options import IndexPath, Json


def info(path: IndexPath, json: Json = None) -> None:
    """Show the collections of an index, their fields and sizes."""
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    output = Output(json)
    with rr.open(path, mode="r") as database:
        found = database.info()
    if output.json:
        output.record(found)
        return
    collections = found.pop("collections")
    for name, value in found.items():
        output.line(f"{name.replace('_', ' ')}: {shown(name, value)}")
    for name, values in collections.items():
        fields = values.pop("fields")
        rows = [(key.replace("_", " "), shown(key, value)) for key, value in values.items()]
        rows += [(f"field {field}", shown(field, spec)) for field, spec in fields.items()]
        output.table(("collection", name), rows)


def shown(name: str, value: Any) -> str:
    """A value for people: sizes with their unit, settings as key=value."""
    if isinstance(value, dict):
        return ", ".join(f"{key}={shown(key, item)}" for key, item in value.items())
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int) and "bytes" in name:
        return size_of(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def size_of(n_bytes: int) -> str:
    """Bytes in the largest unit that leaves a number above 1."""
    size, unit = float(n_bytes), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{n_bytes:,} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
