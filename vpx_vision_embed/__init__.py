"""General-vision embeddings (DINOv2, SigLIP, or a small bundled model) of faces and upper bodies.

`VisionEmbedder` turns image crops into unit vectors; `VisionEmbedAnalyzer` is the analyzer `vision.embed`. The vectors
say what is new in a picture, never who is in it.
"""

from vpx_vision_embed.analyzer import VisionEmbedAnalyzer
from vpx_vision_embed.embedder import VisionEmbedder
from vpx_vision_embed.errors import (
    BackendError,
    BackendUnavailableError,
    ClosedError,
    CropError,
    PullError,
    SettingsError,
    UnknownModelError,
    VisionEmbedError,
    WeightsCorruptError,
    WeightsError,
    WeightsMissingError,
    WeightsUnpinnedError,
    WeightsUnsafeError,
)
from vpx_vision_embed.models import MODELS, ModelSpec, NoveltyCalibration, get_spec
from vpx_vision_embed.types import REASONS, FaceEmbedding, VisionEmbedOutput
from vpx_vision_embed.vectors import EmaDelta, cosine_distance, pool_clip

__all__ = [
    "MODELS",
    "REASONS",
    "BackendError",
    "BackendUnavailableError",
    "ClosedError",
    "CropError",
    "EmaDelta",
    "FaceEmbedding",
    "ModelSpec",
    "NoveltyCalibration",
    "PullError",
    "SettingsError",
    "UnknownModelError",
    "VisionEmbedAnalyzer",
    "VisionEmbedError",
    "VisionEmbedOutput",
    "VisionEmbedder",
    "WeightsCorruptError",
    "WeightsError",
    "WeightsMissingError",
    "WeightsUnpinnedError",
    "WeightsUnsafeError",
    "cosine_distance",
    "get_spec",
    "pool_clip",
]
