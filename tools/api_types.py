"""Write the page's types from what the API says of itself (OpenAPI): web/src/api.types.ts.

python tools/api_types.py            write the file
python tools/api_types.py --check    exit 1 if it is not what would be written
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TYPES = Path(__file__).parents[1] / "web" / "src" / "api.types.ts"
HEAD = "/** Written by tools/api_types.py from what the API says of itself: change that, run it again. */\n"
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
REF = "#/components/schemas/"

Schema = Mapping[str, Any]


def type_of(schema: Schema) -> str:
    """Return a JSON schema as a type of TypeScript."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REF)
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(type_of(one) for one in schema[several]))
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(type_of(one) for one in schema['prefixItems'])}]"
        inner = type_of(schema.get("items", {}))
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if kind == "object" and "properties" in schema:
        return "{ " + " ".join(f"{line};" for line in _fields(schema)) + " }"
    if kind == "object":
        values = schema.get("additionalProperties", {})
        return f"Record<string, {type_of(values if isinstance(values, dict) else {})}>"
    return SCALARS.get(str(kind), "unknown")


def interface(name: str, schema: Schema) -> str:
    """Return a named schema as an exported type, with what the API says of it."""
    said = " ".join(str(schema.get("description", "")).split())
    comment = f"/** {said} */\n" if said else ""
    if "properties" not in schema:
        return f"{comment}export type {name} = {type_of(schema)};\n"
    lines = "".join(f"  {line};\n" for line in _fields(schema))
    return f"{comment}export interface {name} {{\n{lines}}}\n"


def paths(described: Schema) -> str:
    """Return what is sent to each route and what comes back."""
    lines = []
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            sent = type_of(_content(route.get("requestBody", {}))) if "requestBody" in route else "null"
            answers = [answer for status, answer in route["responses"].items() if status.startswith("2")]
            back = type_of(_content(answers[0])) if answers else "unknown"
            lines.append(f'  "{method.upper()} {path}": {{ body: {sent}; answer: {back} }};\n')
    comment = "/** For each route what is sent and what comes back. */"
    return f"{comment}\nexport interface Routes {{\n{''.join(lines)}}}\n"


def written(described: Schema) -> str:
    """Return the whole file."""
    schemas = described["components"]["schemas"]
    return "\n".join([HEAD, *(interface(name, schemas[name]) for name in sorted(schemas)), paths(described)])


def described() -> dict[str, Any]:
    """Return the lab's description of itself; its page need not be built for that."""
    from cutaway.lab.app import create_app

    with TemporaryDirectory() as folder:
        (Path(folder) / "index.html").touch()
        return create_app(static=Path(folder)).openapi()


def _fields(schema: Schema) -> list[str]:
    required = set(schema.get("required", ()))
    return [
        f"{name if name.isidentifier() else json.dumps(name)}"
        f"{'' if name in required else '?'}: {type_of(one)}"
        for name, one in schema["properties"].items()
    ]


def _content(part: Schema) -> Schema:
    content: Schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    return content


if __name__ == "__main__":
    text = written(described())
    if "--check" in sys.argv:
        sys.exit(0 if TYPES.read_text(encoding="utf-8") == text else f"{TYPES.name} is not what the API says")
    TYPES.write_text(text, encoding="utf-8")
