"""Which thresholds a run goes by, and what tells one source from another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from visualbase import Frame

from tests.ecosystem.upstream import FakeDetect, FakeExpression, FakeVision, clip
from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.core.config import FACE_ID_MODELS, NoveltyScale
from vpx_identity_builder.errors import SettingsError
from vpx_identity_builder.place import SourceInfo
from vpx_identity_builder.run import Run
from vpx_identity_builder.settings import resolve

Change = Callable[[int, Any], Any]


def fed(
    folder: Path, settings: dict[str, object] | None = None, change: dict[str, Change] | None = None
) -> tuple[IdentityBuilder, Run]:
    """A builder after 30 frames; `change` maps modules to (number of the frame, data) → data."""
    builder = IdentityBuilder({"output_dir": folder, "stop_when_covered": False, **(settings or {})})
    upstream = [FakeDetect(), FakeExpression(), FakeVision()]
    for index, frame in enumerate(clip(3.0)):
        deps = {}
        for module in upstream:
            obs = module.process(frame)
            assert obs is not None
            obs.data = (change or {}).get(module.name, lambda _, data: data)(index, obs.data)
            deps[module.name] = obs
        builder.process(frame, deps)
    run = builder._run
    assert run is not None
    return builder, run


def test_sources_without_a_file_are_told_apart_by_their_first_frame(tmp_path: Path) -> None:
    info = SourceInfo(path=Path("rtsp://camera/ride"), video_id="ride")
    contents = set()
    for value in (10, 200):
        run = Run(resolve({"output_dir": tmp_path}), info)
        picture = np.full((48, 64, 3), value, np.uint8)
        builder = IdentityBuilder()
        builder._run = run
        builder.process(Frame.from_array(picture, 0, 0), {})
        contents.add(run.place.content_sha256())
        run.recorder.close()
    assert len(contents) == 2


def test_two_rides_of_one_camera_are_both_kept(tmp_path: Path) -> None:
    places = set()
    for start in (0, 300):
        builder = IdentityBuilder({"output_dir": tmp_path})
        builder.begin_run({"source": "rtsp://camera/ride", "video_id": "ride"})
        for frame in clip(0.5, start=start):
            builder.process(frame, {})
        builder.finish()
        places.add(builder.output_path)
    assert len(places) == 2


def test_another_vision_model_does_not_bring_its_thresholds(tmp_path: Path) -> None:
    def changed(index: int, data: Any) -> Any:
        return data if index < 15 else replace(data, face_model="another-48", face_novelty_threshold=0.9)

    builder, run = fed(tmp_path, change={"vision.embed": changed})
    assert run.builder.scales.face == NoveltyScale(0.15, 0.05, True)
    result = builder.finish()
    assert result is not None
    assert (result.models.vision_face, result.faults["vision_model_changed"]) == ("scripted-48", 15)


def without_scale(_: int, data: Any) -> Any:
    return replace(data, face_novelty_threshold=0.0, face_plateau=0.0, face_calibrated=False)


def test_novelty_thresholds_set_by_hand_hold_where_the_model_gives_none(tmp_path: Path) -> None:
    given: dict[str, object] = {"novelty_threshold": 0.5, "novelty_plateau": 0.3}
    _, run = fed(tmp_path, given, {"vision.embed": without_scale})
    assert run.builder.scales.face == run.builder.scales.body == NoveltyScale(0.5, 0.3, True)


def test_a_novelty_threshold_of_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="novelty_threshold"):
        resolve({"novelty_threshold": 0})


def named(name: Callable[[int], str | None]) -> dict[str, Change]:
    """face.detect as it names its Face-ID model from frame to frame; None: as the original, which has no such field."""

    def change(index: int, data: Any) -> Any:
        parts = {"faces": data.faces, "detected_faces": data.detected_faces, "image_size": data.image_size}
        label = name(index)
        return SimpleNamespace(**parts) if label is None else SimpleNamespace(**parts, embed_model=label)

    return {"face.detect": change}


def written(builder: IdentityBuilder) -> dict[str, Any]:
    builder.finish()
    assert builder.output_path is not None
    found: dict[str, Any] = json.loads((builder.output_path / "result.json").read_text())
    return found


def test_a_detector_that_names_no_model_is_known_by_length(tmp_path: Path) -> None:
    builder, _ = fed(tmp_path, change=named(lambda _: None))
    result = written(builder)
    assert result["models"]["face_id"] == "arcface-512"
    assert (result["notes"], result["faults"]) == ([], {})


def test_embeddings_that_fit_no_model_name_none(tmp_path: Path) -> None:
    given: dict[str, object] = {"face_id_model": "dlib-resnet-128"}
    builder, _ = fed(tmp_path, given, named(lambda _: "arcface-512"))
    result = written(builder)
    assert result["models"]["face_id"] is None
    assert result["notes"][-1].startswith("No Face-ID embedding was seen")


def test_the_name_goes_before_the_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (*FACE_ID_MODELS, replace(FACE_ID_MODELS[0], name="second-512", tau_id=0.5))
    monkeypatch.setattr("vpx_identity_builder.run.FACE_ID_MODELS", rows)
    builder, run = fed(tmp_path, change=named(lambda _: "second-512"))
    assert run.builder.face_id_model == rows[-1]
    assert written(builder)["models"]["face_id"] == "second-512"


def test_an_unknown_name_falls_back_to_the_length_and_is_told(tmp_path: Path) -> None:
    builder, run = fed(tmp_path, change=named(lambda _: "strange-512"))
    assert run.builder.face_id_model == FACE_ID_MODELS[0]
    result = written(builder)
    assert result["models"]["face_id"] == "strange-512"
    assert result["faults"] == {"face_id_model_unknown": 1}
    assert result["notes"] == ["No thresholds are known for strange-512: those for the length of its embeddings held."]


def test_another_name_during_the_run_is_counted_and_not_compared(tmp_path: Path) -> None:
    builder, _ = fed(tmp_path, change=named(lambda index: "arcface-512" if index < 20 else "strange-512"))
    assert written(builder)["faults"] == {"face_id_model_changed": 10}
    assert builder.result is not None
    late = [i.candidate.sample for p in builder.result.persons for i in p.images if i.candidate.sample.t_ns >= 2e9]
    assert all(sample.e_id is None for sample in late)
    assert builder.result.models.face_id == "arcface-512"
