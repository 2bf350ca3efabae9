"""As much of JSON Schema as execution-apis uses. Any other keyword is an error, so that nothing goes unchecked."""

import re
from collections.abc import Iterator
from typing import Any

IGNORED = {"title", "description", "examples", "default", "$comment"}
TYPES: dict[str, Any] = {
    "string": str,
    "array": list,
    "object": dict,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
    "integer": int,
}


def problems(value: Any, schema: Any, place: str = "result") -> Iterator[str]:
    """What of `value` breaks `schema`."""
    for keyword, rule in schema.items():
        if keyword in IGNORED or keyword in ("required", "additionalProperties", "pattern", "maximum"):
            continue
        match keyword:
            case "type":
                if not isinstance(value, TYPES[rule]) or (isinstance(value, bool) and rule != "boolean"):
                    yield f"{place}: {value!r:.80} is no {rule}"
            case "enum":
                if value not in rule:
                    yield f"{place}: {value!r} is none of {rule}"
            case "const":
                if value != rule:
                    yield f"{place}: {value!r} is not {rule}"
            case "minimum":
                if isinstance(value, int | float) and not rule <= value <= schema.get("maximum", value):
                    yield f"{place}: {value} is out of range"
            case "oneOf" | "anyOf":
                found = [list(problems(value, option, place)) for option in rule]
                if all(found):
                    yield min(found, key=len)[0]
            case "items":
                for at, item in enumerate(value if isinstance(value, list) else ()):
                    yield from problems(item, rule, f"{place}[{at}]")
            case "properties":
                yield from _members(value, schema, place)
            case _:
                raise NotImplementedError(keyword)
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: {value:.80} does not match {schema['pattern']}"
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{place}: {name} is missing"


def _members(value: Any, schema: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    known, more = schema["properties"], schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in known:
            yield from problems(item, known[name], f"{place}.{name}")
        elif more is False:
            yield f"{place}: {name} is not among the members allowed"
        elif isinstance(more, dict):
            yield from problems(item, more, f"{place}.{name}")
