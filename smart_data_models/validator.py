"""Checks expanded entities against their models by JSON Schema (`broker.validation`).

Only types with a mode are checked, and each model is compiled once. Official models are checked
for what their data file tells: JSON types, enumerations, formats, kinds where given; it names
hardly any required attribute. Attributes no model knows are let through: types may be combined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from broker.model.entity import PRIMARY, Entity
from broker.validation import Finding, Mode
from smart_data_models.model import Attribute, Model

_STRICT: Final = frozenset(("Relationship", "GeoProperty"))
_MANY: Final = {"Relationship": "ListRelationship", "Property": "ListProperty"}
_LOOSE: Final = frozenset(("Property", "LanguageProperty", "VocabProperty", "JsonProperty", ""))

FORMATS: Final = FormatChecker()


@dataclass(frozen=True, slots=True)
class _Checked:
    """An attribute with its compiled schema, None where any value will do."""

    attribute: Attribute
    schema: Draft202012Validator | None


@dataclass(frozen=True, slots=True)
class _Compiled:
    model: Model
    attributes: Mapping[str, _Checked]
    required: tuple[tuple[str, str], ...]


class ModelValidator:
    """A `broker.validation.Validator` over a source of models by type IRI.

    `modes` gives the mode by type IRI, `default` that of every other type a model is known of.
    """

    def __init__(
        self,
        by_iri: Callable[[str], Model | None],
        modes: Mapping[str, Mode],
        default: Mode = Mode.OFF,
    ) -> None:
        self._by_iri = by_iri
        self._modes = modes
        self._default = default
        self._compiled: dict[str, _Compiled | None] = {}

    def check(self, entity: Entity) -> list[Finding]:
        """Return what does not fit the models of the entity's types."""
        findings: list[Finding] = []
        for type_iri in entity["type"]:
            mode = self._modes.get(type_iri, self._default)
            if mode is Mode.OFF:
                continue
            compiled = self._model(type_iri)
            if compiled is not None:
                findings += _findings(compiled, mode, entity)
        return findings

    def _model(self, type_iri: str) -> _Compiled | None:
        if type_iri not in self._compiled:
            model = self._by_iri(type_iri)
            self._compiled[type_iri] = None if model is None else _compile(model)
        return self._compiled[type_iri]


def _compile(model: Model) -> _Compiled:
    tops = {attribute.path: attribute for attribute in model.attributes if attribute.top}
    return _Compiled(
        model,
        {a.iri: _Checked(a, _schema(a)) for a in tops.values()},
        tuple((name, tops[name].iri) for name in model.required),
    )


def _schema(attribute: Attribute) -> Draft202012Validator | None:
    if not attribute.schema or attribute.kind == "GeoProperty":
        return None
    return Draft202012Validator(attribute.schema, format_checker=FORMATS)


def _findings(compiled: _Compiled, mode: Mode, entity: Entity) -> Iterator[Finding]:
    name, attributes = compiled.model.name, entity["attrs"]
    for term, iri in compiled.required:
        if iri not in attributes:
            yield Finding(mode, name, iri, term, "", f"{name} needs the attribute {term}.")
    for iri, instances in attributes.items():
        checked = compiled.attributes.get(iri)
        if checked is None:
            continue
        for instance in instances.values():
            for pointer, message in _faults(checked, instance):
                term = checked.attribute.path
                yield Finding(mode, name, iri, term, pointer, f"{term} of a {name} {message}")


def _faults(checked: _Checked, instance: dict[str, Any]) -> Iterator[tuple[str, str]]:
    attribute, kind = checked.attribute, instance["type"]
    if not _kind_fits(attribute.kind, kind):
        yield "/type", f"must be a {attribute.kind}, not a {kind}."
        return
    if checked.schema is None:
        return
    member = PRIMARY[kind]
    for start, value in _values(attribute.kind, kind, instance[member]):
        for error in checked.schema.iter_errors(value):
            place = "".join(f"/{_escaped(part)}" for part in (*start, *error.absolute_path))
            yield f"/{member}{place}", _words(error)


def _values(wanted: str, kind: str, value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield (place, value) of what the schema speaks of: each text, where it is said in languages.

    An official model says of a name that it is a string; a LanguageProperty has one by language.
    """
    if kind != "LanguageProperty" or wanted == "LanguageProperty":
        yield (), value
        return
    for language, texts in value.items():
        for index, text in enumerate(texts if isinstance(texts, list) else [texts]):
            yield ((language, index) if isinstance(texts, list) else (language,)), text


def _kind_fits(wanted: str, kind: str) -> bool:
    if wanted in _STRICT:
        return kind in (wanted, _MANY.get(wanted))
    if kind == _MANY["Property"]:
        return wanted in ("Property", "")
    return kind in _LOOSE or kind == wanted or not wanted


def _words(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    if error.validator == "enum":
        return "must be one of " + ", ".join(map(str, wanted)) + "."
    if error.validator == "type":
        names = wanted if isinstance(wanted, list) else [wanted]
        return "must be of the JSON type " + " or ".join(map(str, names)) + "."
    if error.validator == "format":
        return f"must have the format {wanted}."
    return f"breaks the rule {error.validator} of its model ({str(wanted)[:100]})."


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
