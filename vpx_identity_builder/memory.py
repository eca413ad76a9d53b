"""identity_memory: what is remembered of one person across videos, with the three calls of the contract's §11."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .core.config import FaceIdModel
from .core.memory_nodes import MemoryConfig, Node, Origin, Share, Update, forgotten, similarities, updated
from .core.memory_pictures import Picture
from .core.memory_refs import ANCHOR, AXES, CHALLENGE, COVERAGE, MemoryReference, select, weights
from .core.prototype import unit_or_none
from .core.types import Vector
from .errors import MemoryBankError

TOP = 3
KINDS = (ANCHOR, COVERAGE, CHALLENGE)


@dataclass(frozen=True, slots=True)
class NodeMatch:
    """A node, its cosine with what was asked, and its weight among the nearest."""

    node_id: int
    similarity: float
    weight: float


@dataclass(frozen=True, slots=True)
class Match:
    """`stable = max_i cos(e_id, node_i)` (§6), -1 in an empty bank; the best node, and the nearest three."""

    stable: float
    best_node: int | None
    top: tuple[NodeMatch, ...]


@dataclass(frozen=True, slots=True)
class MemoryReferences:
    """Remembered pictures for a generator, by kind, the weightiest first; their weights sum to 1.

    `missing`: pictures that are remembered but no longer there, which are left out.
    """

    anchor: tuple[MemoryReference, ...]
    coverage: tuple[MemoryReference, ...]
    challenge: tuple[MemoryReference, ...]
    folder: Path
    missing: tuple[str, ...] = ()

    @property
    def paths_for_comfy(self) -> tuple[str, ...]:
        """Absolute paths, anchors first. Image paths go to a generator, never embeddings."""
        every = (*self.anchor, *self.coverage, *self.challenge)
        return tuple(str((self.folder / one.path).resolve()) for one in every)


class MemoryBank:
    """One person's memory.

    `folder`: what picture paths are relative to. `config`: parameters for ArcFace-512, scaled to `model`. Raises
    `MemoryBankError` for embeddings that are not `model`'s.
    """

    def __init__(
        self,
        person_id: str,
        model: FaceIdModel,
        folder: Path = Path(),
        config: MemoryConfig = MemoryConfig(),  # noqa: B008 - frozen
        nodes: tuple[Node, ...] = (),
        updates: int = 0,
    ) -> None:
        self.person_id, self.model, self.folder = person_id, model, folder
        self.config, self.nodes, self.updates = config, nodes, updates
        self._scaled = config.for_model(model)

    def update(self, e_id: Vector, quality: float, meta: Mapping[str, object], image_path: str) -> Update:
        """Learn from an image. `meta`: `video_id` and keys of the image metadata; `image_path` relative to the bank."""
        origin = Origin(str(meta["video_id"]), int(str(meta["person_id"])))
        picture = Picture(
            path=image_path,
            quality=quality,
            kind=str(meta["type"]),
            yaw_bin=str(meta["yaw_bin"]),
            pitch_bin=str(meta["pitch_bin"]),
            expression_bin=str(meta["expression_bin"]),
            timestamp_ms=float(str(meta["timestamp_ms"])),
        )
        self.updates += 1
        self.nodes, what = updated(self.nodes, self._unit(e_id), picture, origin, self.updates, self._scaled)
        return what

    def match(self, e_id: Vector) -> Match:
        """How surely an embedding shows this person."""
        near = similarities(self.nodes, self._unit(e_id))
        order = sorted(range(len(near)), key=lambda k: (-near[k], k))[:TOP]
        shares = weights(near, self._scaled.temperature, self._scaled.top_p)
        top = tuple(NodeMatch(self.nodes[k].node_id, near[k], shares[k]) for k in order)
        return Match(top[0].similarity, top[0].node_id, top) if top else Match(-1.0, None, ())

    def select_refs(self, query: Mapping[str, Collection[str]] | None = None) -> MemoryReferences:
        """Pictures for a generator. `query`: `yaw`, `pitch`, `expression` → wanted bins, as the image metadata names
        them. Anchors are always among them. Raises `MemoryBankError` for an unknown axis."""
        asked = dict(query or {})
        unknown = sorted(set(asked) - set(AXES))
        if unknown:
            raise MemoryBankError(self.folder, f"{unknown[0]!r} is no axis: {', '.join(AXES)}")
        nodes, missing = self._with_files()
        found = select(nodes, asked, self.config)
        anchor, coverage, challenge = (tuple(one for one in found if one.kind == kind) for kind in KINDS)
        return MemoryReferences(anchor, coverage, challenge, self.folder, missing)

    def _with_files(self) -> tuple[tuple[Node, ...], tuple[str, ...]]:
        """The nodes with pictures that are still there only, and the paths of those that are not."""
        pictures = {picture.path for node in self.nodes for share in node.shares for picture in share.pictures}
        missing = {path for path in pictures if not (self.folder / path).is_file()}

        def present(share: Share) -> Share:
            return replace(share, pictures=tuple(p for p in share.pictures if p.path not in missing))

        nodes = tuple(replace(node, shares=tuple(present(share) for share in node.shares)) for node in self.nodes)
        return nodes, tuple(sorted(missing))

    def forget(self, video_id: str, person: int | None = None) -> bool:
        """Drop what was learnt from a video, or from one person in it; True where there was anything."""
        before = self.origins()
        self.nodes = forgotten(self.nodes, video_id, person)
        return self.origins() != before

    def origins(self) -> set[Origin]:
        """Where what is remembered comes from."""
        return {share.origin for node in self.nodes for share in node.shares}

    def _unit(self, e_id: Vector) -> Vector:
        unit = unit_or_none(e_id)
        if unit is None or unit.size != self.model.dim:
            raise MemoryBankError(self.folder, f"needs {self.model.name} embeddings of {self.model.dim} finite numbers")
        return unit
