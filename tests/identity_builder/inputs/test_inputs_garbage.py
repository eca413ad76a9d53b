"""Whatever other modules say: nothing raises, and what is unknown stays unknown."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from visualbase import Frame
from vpx.sdk import Observation

from vpx_identity_builder.core.types import ExpressionSignals, FaceSample, Pose
from vpx_identity_builder.observations import OPTIONAL, to_samples
from vpx_identity_builder.translation import InputRules

WIDTH, HEIGHT = 96, 64
IMAGE = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
FRAME = Frame.from_array(IMAGE, 0, 0)
MODULES = ("face.detect", "face.expression", "vision.embed", *OPTIONAL, "my.module")
FIELDS = (
    "faces",
    "detected_faces",
    "estimates",
    "au_intensities",
    "results",
    "keypoints",
    "e_face",
    "e_body",
    "crop_box",
    "embed_model",
    "face_model",
    "face_novelty_threshold",
    "face_plateau",
)
FACE_FIELDS = (
    "bbox",
    "confidence",
    "face_id",
    "yaw",
    "pitch",
    "roll",
    "signals",
    "embedding",
    "landmarks",
    "appearance",
    "e_face",
    "e_body",
    "occlusion_ratio",
    "AU12",
    "AU26",
    "AU43",
    "smile_intensity",
    "em_happy",
    "face_exposure",
    "clipped_ratio",
)


class Loose:
    """An object with these attributes; one that is an exception's class raises when it is read."""

    def __init__(self, fields: dict[str, Any] | None = None) -> None:
        self._fields = fields or {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._fields:
            raise AttributeError(name)
        found = self._fields[name]
        if isinstance(found, type) and issubclass(found, Exception):
            raise found("broken upstream")
        return found

    def __repr__(self) -> str:
        return f"Loose({self._fields})"


def loose_or_mapping(fields: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([Loose(fields), fields])


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 1e300, 5e-324, True, None, "0.5", "x", b"1", 1j]),
    st.floats(-2, 100),
    st.sampled_from([np.float32(0.4), np.float64("nan"), np.int64(3), np.str_("y")]),
)
arrays = st.sampled_from(
    [
        np.zeros(0),
        np.zeros(4),
        np.ones((5, 2)),
        np.full((5, 2), 1e300),
        np.full(128, np.nan),
        np.full(512, 1e200),
        np.ones(128, np.float16),
        np.array(["a", "b"]),
        np.array([object(), None]),
        np.array([1j, 2]),
        np.ones((2, 2, 2)),
        np.array(3.0),
        np.eye(1, 128)[0],
        np.ones(3, bool),
    ]
)
faults = st.sampled_from([RuntimeError, ValueError, KeyError, ZeroDivisionError, TypeError, AttributeError])
shares = st.lists(st.floats(0, 0.9), min_size=4, max_size=4)
pixels = st.lists(st.floats(-20, 90), min_size=4, max_size=4)
values = st.recursive(
    st.one_of(numbers, arrays, faults, shares, pixels, st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.tuples(inner, inner), st.dictionaries(st.sampled_from(FACE_FIELDS), inner)
    ),
    max_leaves=6,
)
faces = st.dictionaries(st.sampled_from(FACE_FIELDS), values, max_size=8).flatmap(loose_or_mapping)
boxes = st.one_of(st.just([10.0, 10.0, 40.0, 40.0]), st.just([0.1, 0.15, 0.4, 0.6]), shares, pixels, values)
plausible = st.fixed_dictionaries(
    {"bbox": boxes, "confidence": st.one_of(st.floats(0, 1), st.floats(0, 1), numbers)},
    optional={
        **dict.fromkeys(FACE_FIELDS[2:], st.one_of(st.floats(0, 5), values)),
        "signals": st.one_of(st.dictionaries(st.sampled_from(FACE_FIELDS[12:]), st.floats(-0.2, 1.2)), values),
    },
).flatmap(loose_or_mapping)
entries = st.lists(st.one_of(plausible, plausible, faces, st.none()), min_size=1, max_size=3)
data = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS[:5]), entries, min_size=1).flatmap(loose_or_mapping),
    st.dictionaries(st.sampled_from(FIELDS), st.one_of(values, entries)).flatmap(loose_or_mapping),
    values,
    st.none(),
)
signals = st.dictionaries(st.sampled_from(["occlusion_ratio", "quality_gate"]), values, max_size=2)
observations = st.builds(
    lambda payload, said: Loose({"data": payload, "signals": said}),
    data,
    st.one_of(st.just({}), signals, st.none(), faults),
)
detections = st.builds(
    lambda one, two: Observation("face.detect", 0, 0, {}, Loose({"detected_faces": one, "faces": two})),
    entries,
    st.one_of(st.just([]), entries, values),
)
others = st.dictionaries(
    st.sampled_from(MODULES[1:]), st.one_of(observations, observations, st.none(), values), max_size=6
)
deps = st.one_of(
    st.builds(lambda found, rest: {"face.detect": found, **rest}, detections, others),
    st.builds(lambda found, rest: {"face.detect": found, **rest}, st.one_of(observations, values), others),
    st.none(),
)


def is_sane(sample: FaceSample) -> bool:
    """Finite, in range, or None."""
    pose, expression = astuple(sample.pose)[:3], astuple(sample.expression)
    angles = all(value is None or abs(value) <= 180 for value in pose)
    ratios = all(value is None or 0 <= value <= 1 for value in (*expression, sample.occlusion_ratio))
    measured = all(value is None or math.isfinite(value) for value in astuple(sample.measures))
    vectors = [v for v in (sample.e_id, sample.e_vis_face, sample.e_vis_body) if v is not None]
    unit = all(v.ndim == 1 and abs(float(np.linalg.norm(v)) - 1) < 1e-3 for v in vectors)
    return angles and ratios and measured and unit and 0 <= sample.confidence <= 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(deps)
@example({"face.detect": Observation("face.detect", 0, 0, {}, Loose({"faces": [Loose({"bbox": RuntimeError})]}))})
@example({"face.detect": RuntimeError})
def test_nothing_raises_and_what_comes_out_is_sane(given_deps: dict[str, Any] | None) -> None:
    translation = to_samples(FRAME, given_deps, frame_idx=0, t_ns=0, rules=InputRules(extra_inputs=("my.module",)))
    assert all(is_sane(sample) for sample in translation.samples)
    assert all(isinstance(count, int) and count > 0 for count in translation.faults.values())


FACE = Loose({"bbox": [10.0, 10.0, 40.0, 40.0], "confidence": 0.9})


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([m for m in MODULES if m != "face.detect"]), st.none() | st.just(Loose())))
def test_modules_that_say_nothing_leave_all_unknown(silent: dict[str, Any]) -> None:
    found = {name: None if empty is None else Observation(name, 0, 0, {}, empty) for name, empty in silent.items()}
    found["face.detect"] = Observation("face.detect", 0, 0, {}, Loose({"detected_faces": [FACE]}))
    translation = to_samples(FRAME, found, frame_idx=0, t_ns=0)
    (sample,) = translation.samples
    assert sample.pose == Pose()
    assert sample.expression == ExpressionSignals()
    assert sample.occlusion_ratio is None
    assert sample.face_id is None
    assert (sample.e_id, sample.e_vis_face, sample.e_vis_body) == (None, None, None)
    assert translation.faults == {}


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.none(), arrays, st.just("picture"), st.just(np.zeros((0, 0, 3), np.uint8))))
def test_a_frame_that_is_no_picture_is_a_fault(image: Any) -> None:
    class Broken:
        data = image

    translation = to_samples(Broken(), None, frame_idx=0, t_ns=0)
    assert (translation.samples, translation.faults) == ((), {"malformed_frame": 1})
