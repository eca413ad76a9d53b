"""`vision-embed models | pull | export | embed | bench`.

Exit codes: 0 done, 1 internal error, 2 usage, settings or missing weights, 3 input unreadable or download failed,
5 part of the images failed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from vpx_vision_embed import weights
from vpx_vision_embed.backends.base import Device, Precision
from vpx_vision_embed.bench import Row
from vpx_vision_embed.bench import bench as run_bench
from vpx_vision_embed.embedder import BackendName, VisionEmbedder
from vpx_vision_embed.errors import PullError, StoreError, VisionEmbedError, WeightsError
from vpx_vision_embed.models import MODELS, ExportPrecision, HubSource, ModelSpec, get_spec
from vpx_vision_embed.pull import pull as pull_weights
from vpx_vision_embed.pull import pull_state_dict

EXIT_SETTINGS, EXIT_UNREADABLE, EXIT_PARTLY = 2, 3, 5

_BENCH_WIDTH, _MODELS_WIDTH = 150, 110
_LOCAL_MEANS = """
local: ONNX files run on ONNX Runtime; timm: weights for torch (extra `timm`), or to make ONNX files of.
`vision-embed pull KEY` fetches weights, `vision-embed export KEY --precision ...` makes ONNX files."""

app = typer.Typer(
    help="Embeddings of image crops by general vision models: what is new in a picture, never who is on it.",
    epilog="To begin: `vision-embed pull bundled`, then `vision-embed embed a.jpg b.jpg`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def models() -> None:
    """List the models: which are local and in what form, whose novelty scale was measured."""
    table = Table("key", "dim", "licence", "local", "calibrated", box=None, pad_edge=False)
    for spec in MODELS:
        table.add_row(spec.key, str(spec.dim), spec.licence, _local(spec), "yes" if spec.novelty.calibrated else "no")
    Console(width=max(Console().width, _MODELS_WIDTH)).print(table)
    typer.echo(_LOCAL_MEANS)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="A key of `vision-embed models`, or `bundled`.")],
    revision: Annotated[
        str | None, typer.Option(help="Commit of its repository, for a model that is not pinned.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="What its file must be, 64 hex digits, for a model that is not pinned.")
    ] = None,
) -> None:
    """Fetch the weights of a model, verified. Does nothing if they are local already."""
    try:
        spec = get_spec(name)
        from_hub = isinstance(spec.source, HubSource)
        if not from_hub and (revision or sha256):
            raise WeightsError(f"{spec.key} is pinned by this version: leave out --revision and --sha256")
        path = pull_state_dict(spec, revision, sha256) if from_hub else pull_weights(spec)
    except StoreError as error:
        raise _fail(error, EXIT_SETTINGS) from error
    except PullError as error:
        raise _fail(error, EXIT_UNREADABLE) from error
    except VisionEmbedError as error:
        raise _fail(error, EXIT_SETTINGS) from error
    typer.echo(f"{path} is here and verified")


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="A key of `vision-embed models`; its weights must be local.")],
    precision: Annotated[ExportPrecision, typer.Option(help="Of the file that is written.")] = "fp32",
    calibrate: Annotated[
        Path | None, typer.Option(help="Photo, folder of photos or video; int8 of the bundled model needs one.")
    ] = None,
) -> None:
    """Write a model as ONNX for ONNX Runtime; kept only if it answers like the model it came from."""
    try:
        from vpx_vision_embed.backends.export import export as export_model
        from vpx_vision_embed.commands.pictures import read_calibration

        squares = None if calibrate is None else read_calibration(calibrate)
        done = export_model(get_spec(name), precision, squares)
    except VisionEmbedError as error:
        raise _fail(error, EXIT_SETTINGS) from error
    typer.echo(
        f"{done.path} answers at a cosine of at least {done.least_cosine:.5f}, {done.mean_cosine:.5f} in the mean, "
        f"to the model it came from"
    )
    if done.kept_fp32:
        typer.echo(f"too sensitive for {precision} and kept in fp32: {', '.join(done.kept_fp32)}")


@app.command()
def embed(
    images: Annotated[list[Path], typer.Argument(help="Image files; each is embedded whole (its centre square).")],
    model: Annotated[
        str, typer.Option(help="A key of `vision-embed models`; auto: DINOv2 if it is local, else the bundled one.")
    ] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write an .npz: paths, embeddings, model.")
    ] = None,
) -> None:
    """Embed images and print their cosine distances to the first one."""
    if output is not None:
        _check_writable(output)
    readable: list[Path] = []
    vectors: list[NDArray[np.float32]] = []
    try:
        with VisionEmbedder(model) as embedder:
            version = embedder.spec.version
            for path in images:
                image = _read(path)
                if isinstance(image, str):
                    typer.echo(f"vision-embed: {path} is not a readable image: {image}", err=True)
                else:
                    readable.append(path)
                    vectors.append(embedder.embed([image])[0])
    except VisionEmbedError as error:
        raise _fail(error, EXIT_SETTINGS) from error
    if not readable:
        raise typer.Exit(EXIT_UNREADABLE)
    rows = np.stack(vectors)
    typer.echo(f"{version}, {rows.shape[1]} numbers per image; cosine distance to {readable[0]}:")
    for path, row in zip(readable, rows, strict=True):
        typer.echo(f"{float(1.0 - row @ rows[0]):.4f}  {path}")
    if output is not None:
        _write(output, readable, rows, version)
    if len(readable) < len(images):
        raise typer.Exit(EXIT_PARTLY)


@app.command()
def bench(
    model: Annotated[
        list[str] | None, typer.Option(help="A key of `vision-embed models`, or auto; may be repeated.")
    ] = None,
    backend: Annotated[BackendName, typer.Option(help="auto: ONNX Runtime if an ONNX file is local.")] = "auto",
    precision: Annotated[Precision, typer.Option(help="fp16 and int8 need an export; bf16 is for timm.")] = "fp32",
    device: Annotated[Device, typer.Option(help="auto: CUDA where the library offers it.")] = "auto",
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="CPU threads; may be repeated; by default 1 and 2.")
    ] = None,
    batch: Annotated[
        list[int] | None, typer.Option(min=1, help="Images per call; may be repeated; by default 1 and 8.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the best is reported.")] = 15,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the table as JSON.")] = None,
) -> None:
    """Measure crop, preprocessing and inference, ms per image; overhead is the whole over the bare model."""
    if json_path is not None:
        _check_writable(json_path)
    rows: list[Row] = []
    try:
        for name in model or ["auto"]:
            rows += run_bench(name, backend, precision, threads, batch, rounds, device)
    except VisionEmbedError as error:
        raise _fail(error, EXIT_SETTINGS) from error
    columns = list(rows[0].as_json())
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(value) for value in row.as_json().values()))
    Console(width=max(Console().width, _BENCH_WIDTH)).print(table)
    if json_path is not None:
        try:
            json_path.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            typer.echo(f"vision-embed: {json_path} cannot be written: {error.strerror}", err=True)
            raise typer.Exit(EXIT_SETTINGS) from error


def main() -> None:
    """Entry point of the script `vision-embed`."""
    app()


def _local(spec: ModelSpec) -> str:
    """Such as "ONNX fp32, ONNX int8 (wrong file), timm", or "no"."""
    files = weights.local_files(spec)
    return ", ".join(f"{file.form} ({file.problem})" if file.problem else file.form for file in files) or "no"


def _read(path: Path) -> NDArray[np.uint8] | str:
    """The image, or why there is none."""
    if path.is_dir():
        return "it is a folder; name the images in it"
    try:
        content = np.fromfile(path, np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except OSError as error:
        return (error.strerror or str(error)).lower()
    except cv2.error:
        image = None
    if image is None:
        return "it is no image of a known format, or damaged" if content.size else "it is empty"
    return np.asarray(image, np.uint8)


def _check_writable(path: Path) -> None:
    """Exit where a file cannot be written there, before anything is measured for it."""
    if path.is_dir():
        reason = "it is a folder"
    elif not path.parent.is_dir():
        reason = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        reason = "not permitted"
    else:
        return
    typer.echo(f"vision-embed: {path} cannot be written: {reason}", err=True)
    raise typer.Exit(EXIT_SETTINGS)


def _write(path: Path, sources: list[Path], rows: NDArray[np.float32], version: str) -> None:
    try:
        with path.open("wb") as file:
            np.savez(file, paths=np.array([str(p) for p in sources]), embeddings=rows, model=np.array(version))
    except OSError as error:
        typer.echo(f"vision-embed: {path} cannot be written: {error.strerror}", err=True)
        raise typer.Exit(EXIT_SETTINGS) from error


def _fail(error: VisionEmbedError, code: int) -> typer.Exit:
    typer.echo(f"vision-embed: {error}", err=True)
    return typer.Exit(code)
