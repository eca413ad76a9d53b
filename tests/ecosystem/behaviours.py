"""What every module must do under every host: each behaviour is a function that says how it went, in a few words.

`YES` is the answer that the suite and `docs/compatibility.md` expect, unless the behaviour says otherwise of a host.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from vpx.body_pose import PoseAnalyzer
from vpx.face_detect import FaceDetectionAnalyzer
from vpx.face_expression import ExpressionAnalyzer
from vpx.sdk import Module
from vpx.sdk.testing import check_observation

from vpx_identity_builder import IdentityBuilder
from vpx_identity_builder.claim import NAME as BUILDING
from vpx_vision_embed import VisionEmbedAnalyzer

from .hosts import HOSTS, Clip, Host, HostRun
from .upstream import FPS, FRIEND, RIDER, FakeDetect, FakeExpression, FakeVision, Script, clip

YES = "yes"
UNTOLD = "up to the last checkpoint, as interrupted"
"""What a host gets that never says that the video ended."""
DIRECT = next(host for host in HOSTS if (host.name, host.era) == ("LiteRunner", "B"))
JPEG_PX = 3.0
JPEG_COSINE = 0.08
"""Random textures are the worst that JPEG 95 can meet; on real faces it is about a tenth of this."""

SAME_PICTURE = 3.0
"""Grey levels: JPEG 95 changes the pictures of the clip by less, a frame later changes them by more."""


def pipeline(output_dir: Path, script: Script | None = None, **settings: object) -> list[Module]:
    """Scripted upstream modules and a real builder."""
    values = {"output_dir": output_dir, "stop_when_covered": False, "checkpoint_s": 1, **settings}
    return [FakeDetect(script), FakeExpression(script), FakeVision(script), IdentityBuilder(values)]


def chosen(module: Any) -> list[tuple[int, str, int, str]]:
    """(person, image name, time, expression bin) of every image of the last result."""
    return [
        (person.person_id, image.name, image.candidate.sample.t_ns, image.candidate.buckets.expression)
        for person in module.result.persons
        for image in person.images
    ]


def contents(folder: Path) -> dict[str, bytes]:
    """Relative path → bytes of everything published under a folder; documents without the time of creation."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".json":
            document = json.loads(data)
            document.get("_version", {}).pop("created_at", None)
            data = json.dumps(document, sort_keys=True).encode()
        elif path.suffix == ".html" or ".sqlite" in path.name or path.name == BUILDING:
            continue
        found[str(path.relative_to(folder))] = data
    return found


def published(output_dir: Path) -> list[Path]:
    return sorted(path.parent for path in output_dir.glob("*/identity_builder/result.json"))


def _kept(folder: Path) -> str:
    """What a killed worker left behind: one whole set that says that it is not all."""
    sets = published(folder)
    if len(sets) != 1:
        return f"{len(sets)} sets"
    result = json.loads((sets[0] / "result.json").read_text())
    images = list(sets[0].rglob("*.jpg"))
    whole = images and all(path.with_name(f"{path.stem}_meta.json").is_file() for path in images)
    return UNTOLD if whole and result["stop_reason"] == "interrupted" else "not whole"


def writes_sets(host: Host, folder: Path) -> str:
    """The sets are written when the video ends, and the result is readable on the instance afterwards."""
    done = host.run(lambda: pipeline(folder), [clip()])
    builder = done.module("identity_builder")
    if not host.sees_result:
        return _kept(folder)
    if builder.result is None or len(builder.result.persons) != 1:
        return "no result on the instance"
    return YES if published(folder) == [builder.output_path] else "no folder"


def chooses_the_same(host: Host, folder: Path) -> str:
    """The images chosen are those that a direct run chooses."""
    done = host.run(lambda: pipeline(folder / "here", people_script()), [people_clip()])
    direct = DIRECT.run(lambda: pipeline(folder / "direct", people_script()), [people_clip()])
    here = done.module("identity_builder")
    here.finish()
    same = chosen(here) == chosen(direct.module("identity_builder"))
    return YES if same and len(here.result.persons) == 2 else "other images"


def people_script() -> Script:
    return Script((RIDER, FRIEND))


def people_clip() -> Clip:
    return clip(3.0, (RIDER, FRIEND))


def shows_the_right_frame(host: Host, folder: Path) -> str:
    """Every image shows the frame that its metadata names, and not the one after it."""
    frames = people_clip()
    done = host.run(lambda: pipeline(folder, people_script(), image_format="png"), [frames])
    result = done.module("identity_builder").finish()
    pictures = {frame.t_src_ns: frame.data for frame in frames}
    images = [image.candidate for person in result.persons for image in person.images]
    wrong = sum(_difference(c.image, pictures[c.sample.t_ns], c.crop_box) > SAME_PICTURE for c in images)
    return YES if images and wrong == 0 else f"{wrong} of {len(images)} do not"


def _difference(image: bytes, picture: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """Mean difference in grey levels between an encoded crop and the picture it is to be from."""
    crop = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    there = picture[box[1] : box[3], box[0] : box[2]]
    return float(np.abs(crop.astype(float) - there).mean())


def keeps_videos_apart(host: Host, folder: Path) -> str:
    """Each video's set is byte for byte that of a fresh run."""
    clips = [clip(2.0), clip(2.0, start=500)]
    checkpoints = 1 if host.sees_result else 0
    done = host.run(lambda: pipeline(folder / "here", checkpoint_s=checkpoints), clips)
    done.module("identity_builder").finish()
    for one in clips if host.sees_result else clips[1:]:
        host.run(lambda: pipeline(folder / "fresh"), [one]).module("identity_builder").finish()
    here, alone = contents(folder / "here"), contents(folder / "fresh")
    return YES if here == alone and here else "they differ"


def stands_missing_input(host: Host, folder: Path) -> str:
    """Frames for which no dependency gave anything are passed over."""

    def build() -> list[Module]:
        silent = pipeline(folder)
        quiet = {round(i * 1e9 / FPS) for i in range(10, 20)}
        return [_Silenced(module, quiet) for module in silent[:-1]] + silent[-1:]

    done = host.run(build, [clip()])
    builder = done.module("identity_builder")
    builder.finish()
    answered = len(done.signals("identity_builder")) == len(clip())
    return YES if answered and builder.result.faults.get("no_face_detect") == 10 else "it does not"


def stands_a_bad_frame(host: Host, folder: Path) -> str:
    """A frame whose detections cannot be read is left out and counted."""
    done = host.run(lambda: pipeline(folder, Script(spoilt={round(1e9): _exploding})), [clip()])
    builder = done.module("identity_builder")
    builder.finish()
    if host.json:
        return YES if builder.result.frames == len(clip()) and done.lost == 1 else "it does not"
    return YES if builder.result.faults.get("unreadable:face.detect") else "it does not"


def keeps_what_it_has(host: Host, folder: Path) -> str:
    """When the host breaks off in the middle, what was seen so far is written."""
    done = host.run(lambda: pipeline(folder), [clip()], fail_at=20)
    builder = done.module("identity_builder")
    if not host.sees_result:
        return _kept(folder)
    if host.reset_before_each:
        return YES if builder.result.frames == len(clip()) else "lost"
    return YES if builder.result.frames == 20 and published(folder) else "lost"


def loses_no_observation(host: Host, folder: Path) -> str:
    """Every observation is plain JSON outside its data, is on time, and can be drawn on the other side."""
    frames = people_clip()
    done = host.run(lambda: pipeline(folder, people_script()), [frames])
    builder = done.module("identity_builder")
    observations = [found["identity_builder"] for found in done.clips[0] if "identity_builder" in found]
    for frame, obs in zip(frames, observations, strict=True):
        check_observation(obs, "identity_builder", type(frame)(frame.data, obs.frame_id, frame.t_src_ns, 320, 240))
        builder.annotate(obs)
    marks = builder.annotate(observations[-1])
    return YES if done.lost == 0 and len(marks) == 5 else "some are lost"


def tells_a_failed_export(host: Host, folder: Path) -> str:
    """A result that cannot be written is logged at ERROR and kept; the host goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "taken").write_text("a file where the folder should be")
    with _errors_of("vpx_identity_builder.module") as errors:
        done = host.run(lambda: pipeline(folder / "taken"), [clip(3.0)])
    builder = done.module("identity_builder")
    if not host.sees_result:
        return "not told" if not errors else "it is logged"
    return YES if errors and builder.result is not None and builder.exit_code == 1 else "it is lost"


class _Silenced(Module):
    """Another module that says nothing at some times."""

    def __init__(self, module: Module, quiet: set[int]) -> None:
        self._module, self._quiet = module, quiet

    @property
    def name(self) -> str:
        return self._module.name

    @property
    def depends(self) -> list[str]:
        return self._module.depends

    def process(self, frame: Any, deps: Any = None) -> Any:
        return None if frame.t_src_ns in self._quiet else self._module.process(frame, deps)


@dataclass
class _Exploding:
    """Data whose property raises, here and when it is shipped."""

    @property
    def faces(self) -> list[object]:
        raise RuntimeError("broken upstream")

    @property
    def detected_faces(self) -> list[object]:
        raise RuntimeError("broken upstream")

    def __post_init__(self) -> None:
        self.blob = np.array([object()])


def _exploding(_: object) -> object:
    return _ExplodingArray()


@dataclass
class _ExplodingArray(_Exploding):
    """With a field that no process boundary lets through."""

    blob: Any = None


@contextmanager
def _errors_of(name: str) -> Iterator[list[logging.LogRecord]]:
    records: list[logging.LogRecord] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler = Collect(logging.ERROR)
    logging.getLogger(name).addHandler(handler)
    try:
        yield records
    finally:
        logging.getLogger(name).removeHandler(handler)


@dataclass(frozen=True)
class Behaviour:
    """One line of the table; `told` is what a host is expected to say that never tells of the end."""

    check: Callable[[Host, Path], str]
    unheard: str = YES

    @property
    def name(self) -> str:
        return self.check.__name__

    @property
    def text(self) -> str:
        return (self.check.__doc__ or "").strip().split("\n")[0]

    def expected(self, host: Host) -> str:
        return YES if host.sees_result else self.unheard


BUILDER = (
    Behaviour(writes_sets, UNTOLD),
    Behaviour(chooses_the_same),
    Behaviour(shows_the_right_frame),
    Behaviour(keeps_videos_apart),
    Behaviour(stands_missing_input),
    Behaviour(stands_a_bad_frame),
    Behaviour(keeps_what_it_has, UNTOLD),
    Behaviour(loses_no_observation),
    Behaviour(tells_a_failed_export, "not told"),
)


def embedding_modules() -> list[Module]:
    return [FakeDetect(people_script()), VisionEmbedAnalyzer(face_model="bundled", body_model="bundled")]


ANALYZERS: dict[str, Callable[[], list[Module]]] = {
    "vision.embed": embedding_modules,
    "face.detect": lambda: [FaceDetectionAnalyzer()],
    "face.expression": lambda: [FakeDetect(), ExpressionAnalyzer()],
    "body.pose": lambda: [FakeDetect(), PoseAnalyzer()],
}


def analyzer_clips() -> list[Clip]:
    frames = clip(0.2, (RIDER, FRIEND))
    return [frames, frames]


def agrees(host: Host, name: str, done: HostRun, direct: HostRun) -> str:
    """Every frame answered, nothing lost, two equal videos answered alike, and as a direct run does it."""
    module = done.module(name)
    for frames, answers in zip(analyzer_clips(), done.clips, strict=True):
        for frame, found in zip(frames, answers, strict=True):
            if name not in found:
                return "a frame was not answered"
            obs = found[name]
            check_observation(obs, name, type(frame)(frame.data, obs.frame_id, frame.t_src_ns, 320, 240))
            module.annotate(obs)
    alike = [[_light(found[name]) for found in answers] for answers in done.clips]
    if alike[0] != alike[1]:
        return "the second video is answered otherwise"
    pairs = zip(done.clips[0], direct.clips[0], strict=True)
    close = all(is_close(a[name].data, b[name].data, host.json) for a, b in pairs)
    return YES if close and done.lost == 0 else "other answers"


def _light(obs: Any) -> object:
    return json.loads(json.dumps([obs.t_ns, obs.signals, obs.metadata]))


def is_close(found: Any, expected: Any, through_jpeg: bool) -> bool:
    """Equal, or within what JPEG 95 does to pixels: `JPEG_PX` and `JPEG_COSINE`."""
    if is_dataclass(expected) and not isinstance(expected, type):
        return all(is_close(getattr(found, f.name), getattr(expected, f.name), through_jpeg) for f in fields(expected))
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(is_close(found[k], expected[k], through_jpeg) for k in expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(
            is_close(a, b, through_jpeg) for a, b in zip(found, expected, strict=True)
        )
    if isinstance(expected, np.ndarray):
        if not through_jpeg:
            return bool(np.allclose(found, expected, atol=1e-5))
        unit_rows = expected.ndim == 1 and abs(float(np.linalg.norm(expected)) - 1.0) < 1e-3
        return bool(found @ expected >= 1 - JPEG_COSINE) if unit_rows else bool(np.allclose(found, expected, atol=10))
    if isinstance(expected, float):
        return abs(found - expected) <= (JPEG_PX if through_jpeg else 1e-6)
    return bool(found == expected)
