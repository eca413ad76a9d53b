"""`identity-builder query`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from vpx_identity_builder.core.results import SetName
from vpx_identity_builder.core.words import counted
from vpx_identity_builder.references import AUTO, References, select_refs
from vpx_identity_builder.schema import ReferencesMeta
from vpx_identity_builder.schema_parts import ReferenceCounts, ReferenceImage, ReferenceShares


def run(
    out: Path, person_id: int, count: int, ratio: str, buckets: Mapping[str, Sequence[str]], *, as_json: bool
) -> None:
    """Print the paths, one a line, and on stderr what to avoid and what differs; or everything as one document.

    Raises `QueryError`, `InputError`, `DamagedDocumentError`.
    """
    named = {axis: [name for text in texts for name in _names(text)] for axis, texts in buckets.items()}
    found = select_refs(out, person_id, count, ratio, named)
    if as_json:
        typer.echo(document(found).to_json(), nl=False)
        return
    for path in found.paths:
        typer.echo(str(path))
    counts = ", ".join(_counted(name, number) for name, number in found.counts().items())
    typer.echo(f"{counts}; ratio {found.ratio}{f' ({found.ratio_why})' if ratio == AUTO else ''}", err=True)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    if found.avoid:
        typer.echo(f"avoid: {', '.join(found.avoid)}", err=True)


def _counted(name: SetName, number: int) -> str:
    return counted(number, name.value) if name is SetName.ANCHOR else f"{number} {name}"


def _names(text: str) -> list[str]:
    """Bins with commas between; the comma inside the name of a yaw bin, `[-5,5]`, parts nothing."""
    names: list[str] = []
    for part in text.split(","):
        if names and names[-1].startswith("[") and not names[-1].endswith("]"):
            names[-1] += f",{part.strip()}"
        else:
            names.append(part.strip())
    return [name for name in names if name]


def document(found: References) -> ReferencesMeta:
    """The references as a document of the wire format."""
    counts, ratio = found.counts(), found.ratio
    return ReferencesMeta(
        person_id=found.person_id,
        ratio=ReferenceShares(anchor=ratio.anchor, coverage=ratio.coverage, challenge=ratio.challenge),
        ratio_why=found.ratio_why,
        counts=ReferenceCounts(
            anchor=counts[SetName.ANCHOR], coverage=counts[SetName.COVERAGE], challenge=counts[SetName.CHALLENGE]
        ),
        images=[
            ReferenceImage(
                path=str(image.path),
                type=image.meta.type,
                yaw_bin=image.meta.yaw_bin,
                pitch_bin=image.meta.pitch_bin,
                expression_bin=image.meta.expression_bin,
                lighting_bin=image.meta.lighting_bin,
                occlusion_bin=image.meta.occlusion_bin,
                quality_score=image.meta.quality_score,
                condition=image.meta.details.condition,
            )
            for image in found.images
        ],
        avoid=list(found.avoid),
        notes=list(found.notes),
    )
