"""Shapes of values as tables, from their JSON Schema: fields, types, bounds, and what they mean."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from docs_site.markdown import code, joined, plain, table

Schema = Mapping[str, Any]

_TEMPLATE: Final = "#/components/schemas/{model}"
_FORMATS: Final = {
    "date-time": "time",
    "duration": "duration",
    "password": "secret",
    "path": "path",
    "binary": "file",
    "uri": "URL",
}
_BOUNDS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
    "pattern": "matches `{}`",
}


class Shapes:
    """Shapes by name. A type names them as links into the same page."""

    def __init__(self, known: Mapping[str, Schema] | None = None) -> None:
        self._known: dict[str, Schema] = dict(known or {})

    def type_of(self, annotation: Any) -> str:
        """A Python type in words; the shapes it is made of are told from now on."""
        schema = TypeAdapter(annotation).json_schema(ref_template=_TEMPLATE)
        self._known |= schema.get("$defs", {})
        if "title" in schema and ("properties" in schema or "enum" in schema):
            self._known[schema["title"]] = schema
            return self._link(schema["title"])
        return self.typed(schema)

    def typed(self, schema: Schema) -> str:
        """A schema in words."""
        if "$ref" in schema:
            return self._link(str(schema["$ref"]).rpartition("/")[2])
        for one_of in ("anyOf", "oneOf", "allOf"):
            if one_of in schema:
                return " or ".join(dict.fromkeys(map(self.typed, schema[one_of])))
        if "enum" in schema or "const" in schema:
            return " or ".join(code(value) for value in schema.get("enum", [schema.get("const")]))
        return self._plain(schema)

    def fields(self, schema: Schema) -> str:
        """The table of a shape's fields."""
        required = schema.get("required", ())
        rows = (
            (code(name), self.typed(field), *self.told(field, required=name in required))
            for name, field in schema.get("properties", {}).items()
        )
        return table(("field", "type", "when left out", "meaning"), rows)

    def told(self, field: Schema, *, required: bool) -> tuple[str, str]:
        """What counts when it is left out, and what it means."""
        absent = "**required**" if required else _default(field)
        meaning = "; ".join([str(field.get("description", "")), *_bounds(field)])
        return absent, meaning.strip("; ")

    def tables(self) -> str:
        """Every shape, by name."""
        return joined(*(self._section(name) for name in sorted(self._known, key=str.lower)))

    def _section(self, name: str) -> str:
        schema = self._known[name]
        values = f"One of {self.typed(schema)}." if "enum" in schema else ""
        about = plain(str(schema.get("description", "")))
        fields = self.fields(schema) if schema.get("properties") else ""
        return joined(f"### {name} {{ #{_anchor(name)} }}", about, values, fields)

    def _link(self, name: str) -> str:
        return f"[{name}](#{_anchor(name)})"

    def _plain(self, schema: Schema) -> str:
        kind = schema.get("type")
        if kind == "array":
            return f"list of {self.typed(schema.get('items', {}))}"
        for value in (schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()):
            if isinstance(value, dict):
                return f"map to {self.typed(value)}"
        words = {"null": "none", "boolean": "true or false", None: "any value"}
        return _FORMATS.get(str(schema.get("format", "")), words.get(kind, str(kind)))


def _default(field: Schema) -> str:
    value = field.get("default")
    return (
        "" if value is None or value in ([], {}, "") else code(value if isinstance(value, str) else json.dumps(value))
    )


def _bounds(field: Schema) -> Iterator[str]:
    """Bounds of a schema, or of the one of its alternatives that has some."""
    for schema in (field, *field.get("anyOf", ())):
        if schema.get("minLength") == 1:
            yield "not empty"
        for name, words in _BOUNDS.items():
            if name in schema and (name, schema[name]) != ("minLength", 1):
                yield words.format(schema[name])


def _anchor(name: str) -> str:
    return "shape-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
