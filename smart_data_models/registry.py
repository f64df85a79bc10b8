"""The registry: every model and attribute in one small SQLite file, built at set-up.

It is read by look-up, so that it costs a process no memory. The official models come from the
package's data file; the own ones are put beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import orjson

from smart_data_models.errors import NoRegistry
from smart_data_models.model import Attribute, Model, joined

BUILT: Final = Path(__file__).parent / "built" / "registry.sqlite"
"""Where `make setup` puts the registry."""

FORMAT: Final = 1

_SCHEMA: Final = """
CREATE TABLE model (
  mid INTEGER PRIMARY KEY, subject TEXT NOT NULL, name TEXT NOT NULL, iri TEXT NOT NULL,
  version TEXT NOT NULL, description TEXT NOT NULL, licence TEXT NOT NULL, origin TEXT NOT NULL,
  required TEXT NOT NULL, UNIQUE (subject, name)
);
CREATE INDEX model_iri ON model (iri);
CREATE TABLE attribute (
  mid INTEGER NOT NULL, place INTEGER NOT NULL, path TEXT NOT NULL, iri TEXT NOT NULL,
  kind TEXT NOT NULL, schema TEXT NOT NULL, description TEXT NOT NULL, units TEXT NOT NULL,
  PRIMARY KEY (mid, place)
) WITHOUT ROWID;
"""

_MODEL: Final = "subject, name, iri, version, description, licence, origin, required"
_ATTRIBUTE: Final = "path, iri, kind, schema, description, units"


def write(models: Iterable[Model], target: Path) -> int:
    """Write a registry of `models`, all or nothing; return how many there are."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".new")
    draft.unlink(missing_ok=True)
    connection = apsw.Connection(str(draft))
    try:
        with connection:
            connection.execute(_SCHEMA)
            connection.pragma("user_version", FORMAT)
            count = 0
            for count, model in enumerate(models, 1):
                _insert(connection, count, model)
    finally:
        connection.close()
    draft.replace(target)
    return count


def _insert(connection: apsw.Connection, mid: int, model: Model) -> None:
    connection.execute(
        f"INSERT INTO model (mid, {_MODEL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            mid,
            model.subject,
            model.name,
            model.iri,
            model.version,
            model.description,
            model.licence,
            model.origin,
            orjson.dumps(model.required).decode(),
        ),
    )
    connection.executemany(
        f"INSERT INTO attribute (mid, place, {_ATTRIBUTE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [(mid, place, *_row(each)) for place, each in enumerate(model.attributes)],
    )


def _row(each: Attribute) -> tuple[str, ...]:
    schema = orjson.dumps(each.schema).decode()
    return each.path, each.iri, each.kind, schema, each.description, each.units


class Registry:
    """Look-ups in a built registry. Raises NoRegistry where there is none."""

    def __init__(self, path: Path = BUILT) -> None:
        if not path.is_file():
            raise NoRegistry(f"there is no registry of data models at {path}: run `make setup`")
        self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        found = self._connection.pragma("user_version")
        if found != FORMAT:
            self._connection.close()
            raise NoRegistry(f"{path} has format {found} instead of {FORMAT}: run `make setup`")

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def subjects(self) -> list[tuple[str, int]]:
        """Return (subject, number of models), in order."""
        query = "SELECT subject, count(*) FROM model GROUP BY subject ORDER BY subject"
        return list(self._connection.execute(query))

    def names(self, subject: str) -> list[tuple[str, str]]:
        """Return (name, description) of the models of a subject, in order."""
        query = "SELECT name, description FROM model WHERE subject = ? ORDER BY name"
        return list(self._connection.execute(query, (subject,)))

    def search(self, text: str, limit: int = 50) -> list[tuple[str, str, str]]:
        """Return (subject, name, description) of models that mention `text`."""
        query = (
            "SELECT subject, name, description FROM model "
            "WHERE instr(lower(name || ' ' || description), lower(?)) ORDER BY name LIMIT ?"
        )
        return list(self._connection.execute(query, (text, limit)))

    def model(self, subject: str, name: str) -> Model | None:
        """Return one model with its attributes."""
        return next(self._models("subject = ? AND name = ?", (subject, name)), None)

    def by_iri(self, iri: str) -> Model | None:
        """Return the model of an entity type; an official one with what the town adds to it."""
        found = sorted(self._models("iri = ?", (iri,)), key=lambda model: model.origin != "own")
        return joined(found) if found else None

    def _models(self, where: str, bindings: tuple[str, ...]) -> Iterator[Model]:
        query = f"SELECT mid, {_MODEL} FROM model WHERE {where}"  # noqa: S608
        rows: list[Any] = self._connection.execute(query, bindings).fetchall()
        for mid, subject, name, iri, version, description, licence, origin, required in rows:
            yield Model(
                subject,
                name,
                iri,
                version,
                description,
                licence,
                origin,
                required=tuple(orjson.loads(required)),
                attributes=tuple(self._attributes(mid)),
            )

    def _attributes(self, mid: int) -> Iterator[Attribute]:
        query = f"SELECT {_ATTRIBUTE} FROM attribute WHERE mid = ? ORDER BY place"  # noqa: S608
        rows: Iterator[Any] = self._connection.execute(query, (mid,))
        for path, iri, kind, schema, description, units in rows:
            yield Attribute(path, iri, kind, orjson.loads(schema), description, units)
