"""Banks on disk: `memory_bank.json`, one folder per person, for the owner only, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from .core.config import FaceIdModel
from .core.memory_nodes import Node, Origin, Share
from .core.memory_pictures import Picture
from .errors import MemoryBankError
from .export.files import FOLDER_MODE, LocalFiles
from .memory import MemoryBank
from .place import app_version
from .schema_base import Version
from .schema_memory import (
    MemoryBankDocument,
    MemoryDetails,
    MemoryNode,
    MemoryNodeDetails,
    MemoryPicture,
    MemoryShare,
    MetaHistogram,
)

if sys.platform != "win32":
    import fcntl

FILE_NAME = "memory_bank.json"
DIGITS = 7


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder where needed and hold it for this process; others wait. Raises `MemoryBankError`."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = None if sys.platform == "win32" else os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise MemoryBankError(folder, f"cannot be written: {error.strerror or type(error).__name__}") from error
    try:
        if descriptor is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def bank_files(folder: Path) -> list[Path]:
    """Documents of all persons, in the order of their labels."""
    return sorted(path for path in folder.glob(f"*/{FILE_NAME}") if not path.parent.name.startswith("."))


def save_bank(bank: MemoryBank, path: Path) -> None:
    """Write a bank; an empty one is removed with its folder. Raises `MemoryBankError`, with the old file untouched."""
    files, fresh = LocalFiles(), path.with_name(f".{path.name}.new")
    try:
        if not bank.nodes:
            path.unlink(missing_ok=True)
            fresh.unlink(missing_ok=True)
            if path.parent.exists() and not any(path.parent.iterdir()):
                shutil.rmtree(path.parent)
            return
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        fresh.unlink(missing_ok=True)
        files.write(fresh, document_of(bank).to_json().encode())
        fresh.replace(path)
        files.sync_folder(path.parent)
    except OSError as error:
        raise MemoryBankError(path, f"cannot be written: {error.strerror or type(error).__name__}") from error


def load_bank(path: Path, model: FaceIdModel | None = None) -> MemoryBank:
    """A bank read back. Raises `MemoryBankError` for what is none, or was made with another model than `model`.

    Without `model` the bank can be looked at and can forget, but nothing can be compared with it.
    """
    try:
        document = MemoryBankDocument.model_validate_json(path.read_bytes())
    except OSError as error:
        raise MemoryBankError(path, f"cannot be read: {error.strerror or type(error).__name__}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise MemoryBankError(path, f"is no {FILE_NAME}: {where}: {first['msg']}") from error
    made_with = document.version.embed_model
    if model is not None and made_with != model.name:
        raise MemoryBankError(
            path,
            f"was made with {made_with}, this run has {model.name}, and the two cannot be compared; "
            "build the videos again with memory_bank naming a new folder",
        )
    nodes = tuple(_node(node, path) for node in document.nodes)
    dims = {share.part.size for node in nodes for share in node.shares}
    dim = dims.pop() if len(dims) == 1 else 0
    if nodes and (not dim or dim != (model.dim if model else dim)):
        raise MemoryBankError(path, "its vectors are not all of the model's length")
    row = model or FaceIdModel(made_with, dim, 1.0, 1.0, 1.0, "")
    return MemoryBank(document.person_id, row, path.parent, nodes=nodes, updates=document.details.updates)


def forget_in(path: Path, video_id: str, person: int | None) -> bool:
    """Take out of one bank what it learnt from a video, or from one person in it; True where there was anything.

    The caller holds the folder of all banks (`locked`). Raises `MemoryBankError`.
    """
    bank = load_bank(path)
    if not bank.forget(video_id, person):
        return False
    save_bank(bank, path)
    return True


def document_of(bank: MemoryBank) -> MemoryBankDocument:
    """The document that a bank is written as."""
    return MemoryBankDocument(
        person_id=bank.person_id,
        k=bank.config.k_max,
        nodes=[_node_document(node) for node in bank.nodes],
        version=Version(
            app_version=app_version(),
            embed_model=bank.model.name,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
        details=MemoryDetails(updates=bank.updates),
    )


def _node_document(node: Node) -> MemoryNode:
    newest = max(node.shares, key=lambda share: share.last)
    return MemoryNode(
        node_id=node.node_id,
        vec_id=_floats(node.vec_id),
        rep_images=[picture.path for picture in node.pictures],
        meta_hist=MetaHistogram(
            yaw_bins=node.histogram("yaw_bins"),
            pitch_bins=node.histogram("pitch_bins"),
            expression_bins=node.histogram("expression_bins"),
            quality_best=round(node.quality_best, DIGITS),
            quality_mean=round(node.quality_mean, DIGITS),
            hit_count=node.hits,
            last_updated_ms=newest.last_updated_ms,
        ),
        details=MemoryNodeDetails(shares=[_share_document(share) for share in node.shares]),
    )


def _share_document(share: Share) -> MemoryShare:
    return MemoryShare(
        video_id=share.origin.video_id,
        person=share.origin.person,
        part=_floats(share.part),
        hits=share.hits,
        quality_sum=round(share.quality_sum, DIGITS),
        quality_best=round(share.quality_best, DIGITS),
        last=share.last,
        last_updated_ms=share.last_updated_ms,
        bins=list(share.bins),
        pictures=[
            MemoryPicture(
                path=picture.path,
                quality=round(picture.quality, DIGITS),
                kind=picture.kind,
                yaw_bin=picture.yaw_bin,
                pitch_bin=picture.pitch_bin,
                expression_bin=picture.expression_bin,
                timestamp_ms=picture.timestamp_ms,
            )
            for picture in share.pictures
        ],
    )


def _node(document: MemoryNode, path: Path) -> Node:
    if not document.details.shares:
        raise MemoryBankError(path, f"node {document.node_id} does not say where it was learnt")
    return Node(document.node_id, tuple(_share(share) for share in document.details.shares))


def _share(document: MemoryShare) -> Share:
    return Share(
        Origin(document.video_id, document.person),
        np.asarray(document.part, np.float32),
        document.hits,
        document.quality_sum,
        document.quality_best,
        document.last,
        document.last_updated_ms,
        tuple(document.bins),
        tuple(Picture(**picture.model_dump()) for picture in document.pictures),
    )


def _floats(vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[float]:
    return [round(float(value), DIGITS) for value in vector]
