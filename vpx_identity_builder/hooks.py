"""What a plugin may hook into. A plugin is any object or class with methods marked `@hookimpl`, named by an entry point
of the group `identity_builder.hooks`; each method takes those of the arguments below that it wants, by name.

The same face must get the same answer: hooks see no clock and draw no dice. Where one answer is wanted, plugins are
asked in the order of their names and the first that is not None holds. A hook that fails is named in the error and not
asked again in that run, which goes on without it (docs/hooks.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pluggy

from .core.config import FaceIdModel
from .core.policy import Stability
from .core.results import ChosenImage, PersonSet, RunResult
from .core.types import FaceSample, Image, Vector
from .export.bundle import Bundle

PROJECT = "identity_builder"
GROUP = "identity_builder.hooks"
ORDINARY_PRIORITY = 1.0

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def identity_builder_stability(e_id: Vector, prototype: Vector, model: FaceIdModel) -> Stability | float | None:
    """How surely `e_id` is the person of `prototype`, both `(dim,)` unit vectors of `model`: -1..1, judged by
    `model.tau_id` (§6). `Stability` also names what it was compared with. None: not for this plugin to say."""


@hookspec(firstresult=True)
def identity_builder_quality(sample: FaceSample, quality: float) -> float | None:
    """Quality of a face as an image, 0..1, in place of our own `quality`."""


@hookspec
def identity_builder_bucket_axes(sample: FaceSample, face: Image) -> Mapping[str, str] | None:
    """Axis → bin of further axes; `face`: the pixels of the face's box, `(h, w, 3)` uint8 BGR, read-only. At most 8
    axes of 32 bins. Each bin is shown once in a person's coverage where it can be; file names stay as they are."""


@hookspec
def identity_builder_sampling_priority(t_ns: int) -> float | None:
    """How much the moment `t_ns` matters: 1 as any other, 2 twice as much, at most 10. The highest answer holds."""


@hookspec
def identity_builder_image_saved(image: ChosenImage, person: PersonSet, path: Path) -> None:
    """An image was published as `path`, with its metadata beside it. Not called for checkpoints."""


@hookspec
def identity_builder_person_finished(
    person: PersonSet, result: RunResult, folder: Path, video_id: str, model: FaceIdModel
) -> None:
    """A person of `result` was published in `folder`, told after all its images and in the order of person ids.
    `model` made the embeddings. Not called for checkpoints."""


@hookspec
def identity_builder_export(bundle: Bundle) -> Mapping[str, bytes] | None:
    """Files to publish with a result: path within the set's folder, with `/`, → content. Called for checkpoints too."""
