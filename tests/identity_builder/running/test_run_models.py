"""Which thresholds a run goes by, and what tells one source from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visualbase import Frame

from tests.ecosystem.upstream import FakeDetect, FakeExpression, FakeVision, clip
from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.core.config import NoveltyScale
from vpx_identity_builder.errors import SettingsError
from vpx_identity_builder.run import Run, SourceInfo
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


def test_sources_without_a_file_are_told_apart_by_their_first_frame() -> None:
    info = SourceInfo(path=Path("rtsp://camera/ride"), video_id="ride")
    contents = set()
    for value in (10, 200):
        run = Run(resolve({}), info)
        picture = np.full((48, 64, 3), value, np.uint8)
        builder = IdentityBuilder()
        builder._run = run
        builder.process(Frame.from_array(picture, 0, 0), {})
        contents.add(run.content_sha256())
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
