from __future__ import annotations

import importlib.metadata
from types import ModuleType

import vpx_vision_embed

PUBLIC = {
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
}


def test_the_public_names_are_these_and_no_others() -> None:
    names = {
        name
        for name, value in vars(vpx_vision_embed).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert set(vpx_vision_embed.__all__) == PUBLIC
    assert names == PUBLIC


def test_every_public_class_and_function_is_documented() -> None:
    for name in PUBLIC:
        value = getattr(vpx_vision_embed, name)
        if callable(value):
            assert value.__doc__, name


def test_all_errors_share_one_base() -> None:
    for name in PUBLIC:
        if name.endswith("Error"):
            assert issubclass(getattr(vpx_vision_embed, name), vpx_vision_embed.VisionEmbedError), name


def test_the_entry_point_is_the_module_of_its_name() -> None:
    (entry,) = importlib.metadata.entry_points(group="visualpath.modules", name="vision.embed")

    assert entry.load() is vpx_vision_embed.VisionEmbedAnalyzer
    assert entry.load()().name == entry.name


def test_field_names_do_not_hide_behind_dictionary_methods() -> None:
    for cls in (vpx_vision_embed.FaceEmbedding, vpx_vision_embed.VisionEmbedOutput):
        assert not set(cls.__dataclass_fields__) & set(dir(dict))
