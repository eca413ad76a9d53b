"""`identity-builder schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from vpx_identity_builder.core.words import did_you_mean
from vpx_identity_builder.errors import ExportError, UsageError
from vpx_identity_builder.schema import json_schema


def run(name: str | None, output: Path | None) -> None:
    """Print the schemas, or write them as `NAME.json` into a folder. Raises `UsageError` for an unknown name."""
    schemas = json_schema()
    if name is not None and name not in schemas:
        hint = did_you_mean(name, schemas, likeness=0.6) or f"it must be one of {', '.join(schemas)}"
        raise UsageError(f"there is no document {name!r}; {hint}")
    chosen = schemas if name is None else {name: schemas[name]}
    if output is None:
        typer.echo(_text(chosen if name is None else chosen[name]), nl=False)
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        for key, schema in chosen.items():
            (output / f"{key}.json").write_text(_text(schema), encoding="utf-8")
    except OSError as error:
        raise ExportError(output, error.strerror or type(error).__name__) from error


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
