"""The choice made again from a run log: which settings may change, and where the pictures come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from .core.pictures import with_candidates
from .core.results import RunResult
from .core.types import Box, IntBox
from .documents import RunContext
from .errors import InputError, RunLogError, SettingProblem, SettingsError
from .names import printable
from .place import app_version
from .program import program_of
from .recorder import as_logged, people_of
from .replay import CropId, Fate, crop_of, crops_of, looked_through, run_of, with_pictures
from .run import Run
from .runlog.codec import MalformedError
from .runlog.finalize import Recorded, pictures_of, recorded_result, settle_again
from .runlog.reader import RunLog
from .settings import Settings, recorded, specs

Image = np.ndarray[Any, Any]
SourceFrames = Callable[[Collection[int]], Mapping[int, Image]]
"""Time in ns → picture `(h, w, 3)` uint8 BGR, for those of the times asked for that the source still has."""

BEFORE_THE_LOG = ("extra_inputs",)
TOO_LATE = {"highlights": "acts before the run log is written", "stop": "says when to stop looking at the video"}
"""Why groups of settings, which decide what is looked at, have no say any more."""
PITCH_KEYS = ("face_detect_pitch", "head_pose_pitch")
ELSEWHERE = ("output_dir", "video_id", "checkpoint_s", "run_log", "run_log_crops_mb")
"""Settings that say nothing about the choice of images."""
PICTURE_KEYS = ("image_format", "jpeg_quality")


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """A result made from a log, and the run that a replay was.

    `decoded`: pictures that came from the source. `lost`: how many of the `wanted` pictures are gone; others stand in.
    `unpictured`: the faces (time in ns, box) whose pictures these were. `fates`, `places` (of the faces, see
    `RunLog.boxes`) and `people` (as the log's event) are empty where the recorded result was taken as it is.
    """

    run: Run
    result: RunResult
    fates: tuple[Fate, ...] = ()
    places: Mapping[tuple[int, int], tuple[int, Box]] = field(default_factory=dict)
    decoded: int = 0
    lost: int = 0
    people: Mapping[str, Any] = field(default_factory=dict)
    wanted: int = 0
    unpictured: frozenset[tuple[int, Box]] = frozenset()


def rebuilt(log: RunLog, changes: Mapping[str, object], source: SourceFrames | None = None) -> Rebuilt:
    """The sets of a log with changed settings. Raises `SettingsError`, `RunLogError`, and `InputError` where these want
    pictures that are gone.
    """
    settings = settings_for(log, changes)
    if log.ending.erased and not log.ending.ids:
        raise RunLogError(log.path, "everybody who was published was erased: nobody is left to choose images of")
    chosen = _chosen_before(log, settings)
    if chosen is not None:
        return chosen
    made = replayed(log, settings, source)
    none_left = not (made.result.pair or any(person.images for person in made.result.persons))
    otherwise_encoded = encoded_otherwise(log, settings)
    if made.lost and (none_left or otherwise_encoded):
        name = log.header.source_name or "the source"
        which = f"{' and '.join(otherwise_encoded)}: " if otherwise_encoded else ""
        raise InputError(name, f"{which}these settings want pictures that were not kept; give the video with --source")
    return made


def replayed(log: RunLog, settings: Settings, source: SourceFrames | None = None) -> Rebuilt:
    """The sets that a replay chooses. Where pictures it wants are gone, the best of those that are kept stand in.

    Raises `RunLogError`.
    """
    seen = looked_through(log, settings)
    made = seen.chosen()
    wanted = crops_of(made.result)
    pictures = {crop: image for crop in wanted if (image := _logged(log, settings, crop)) is not None}
    missing = wanted - set(pictures)
    decoded = _decoded(log, missing, source, settings) if missing and source is not None else {}
    lost = missing - set(decoded)
    unpictured = _faces_on(made.result, lost)
    if lost:
        made = seen.chosen(of_kept=True)
        pictures, decoded = {crop: log.crop(*crop) or b"" for crop in crops_of(made.result)}, {}
    result = with_pictures(made.result, {**pictures, **decoded})
    people = people_of(made.run.builder, made.gone, log.ending.erased)
    found, gone = len(decoded), len(lost)
    return Rebuilt(made.run, result, made.fates, made.places, found, gone, people, len(wanted), unpictured)


def _faces_on(result: RunResult, crops: Collection[CropId]) -> frozenset[tuple[int, Box]]:
    """Time and box of each face that is shown alone on one of these crops; `result`: of a replay."""
    shown = [image.candidate for person in result.persons for image in person.images]
    return frozenset((face.sample.t_ns, face.sample.bbox) for face in shown if crop_of(face.image) in crops)


def _acquainted(log: RunLog, settings: Settings) -> Run:
    """A run that has seen as much of the log as it takes to know its models."""
    run = run_of(log, settings)
    for frame in log.frames():
        run.builder.add(frame.t_ns, run.understand(frame.translation), lambda _: None)
        if run.builder.face_id_model is not None:
            break
    return run


def settings_for(log: RunLog, changes: Mapping[str, object]) -> Settings:
    """The log's settings with changes. Raises `SettingsError` for what only a new build can change."""
    old = recorded(log.header.settings, {})
    new = recorded(log.header.settings, changes)
    was, wanted = old.values(), new.values()
    changed = [key for key in wanted if wanted[key] != was[key]]
    problems = [
        SettingProblem(key, wanted[key], f"{reason}; `identity-builder build` it anew", "--set")
        for key in changed
        if (reason := _objection(key, was[key], wanted[key])) is not None
    ]
    if problems:
        raise SettingsError(problems)
    return new


def _objection(key: str, was: object, wanted: object) -> str | None:
    group = specs()[key].group
    if group in TOO_LATE:
        return TOO_LATE[group]
    if key in BEFORE_THE_LOG or (key in PITCH_KEYS and "reversed" in (was, wanted)):
        return "acts before the run log is written"
    return "says where or how a build writes, a rebuild stays in its folder" if key in ELSEWHERE else None


def leaving(log: RunLog, made: Rebuilt) -> int:
    """How many people whom the log still holds as published are not, with this result: most of their faces are not."""
    if not made.people:
        return 0
    last, ids, numbers = made.people["stands_for"], log.ending.ids, log.person_numbers()
    shown = {
        (frame, face)
        for frame, face, number, _ in made.fates
        if str(last.get(str(number), number)) in made.people["ids"]
    }
    balance: Counter[int] = Counter()
    for face, number in numbers.items():
        if number in ids:
            balance[ids[number]] += 1 if face in shown else -1
    return sum(kept < 0 for kept in balance.values())


def let_leave(log: RunLog, made: Rebuilt) -> None:
    """Take those out of the log whom a published result leaves out. Raises `RunLogError`; the log is as it was then."""
    run, scales = made.run, made.run.builder.scales
    chosen = Recorded(made.result, as_logged(run.settings), program_of(scales.policy))
    settle_again(log, chosen, made.people, made.fates, scales.face_id.tau_split)


def _chosen_before(log: RunLog, settings: Settings) -> Rebuilt | None:
    """The recorded result, where these settings gave it and this program would choose the same again.

    Of a log that people left, it is the result whatever the program is: nobody can look at everybody again.
    """
    outcome = log.outcome()
    if outcome is None:
        return None
    try:
        chosen = recorded_result(outcome, log.header.settings)
    except MalformedError as error:
        raise RunLogError(log.path, f"it is damaged: {error}", useless=True) from error
    was, wanted = recorded(chosen.settings, {}).values(), settings.values()
    if any(wanted[key] != was[key] for key in wanted if key not in ELSEWHERE):
        return None
    run = _acquainted(log, settings)
    program = program_of(run.builder.scales.policy)
    if log.anonymous_count() or (program is not None and program == chosen.program):
        return Rebuilt(run, _with_logged_pictures(log, chosen.result))
    return None


def context_of(log: RunLog, settings: Settings) -> RunContext:
    """What the documents of a rebuilt set say of the run."""
    header = log.header
    return RunContext(
        video_id=header.video_id,
        app_version=app_version(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source_name=None if header.source_name is None else printable(header.source_name),
        content_sha256=header.content_sha256,
        fps=header.fps,
        source_fps=header.source_fps,
        source_files=header.source_files,
        settings=settings.changed(),
    )


def _logged(log: RunLog, settings: Settings, crop: CropId) -> bytes | None:
    """A crop from the log, unless it is of another format than is wanted now."""
    return None if encoded_otherwise(log, settings) else log.crop(*crop)


def encoded_otherwise(log: RunLog, settings: Settings) -> list[str]:
    """Settings by which the log's pictures are encoded otherwise than is wanted now."""
    values = settings.values()
    return [key for key in PICTURE_KEYS if values[key] != log.header.settings.get(key, values[key])]


def _decoded(log: RunLog, missing: Collection[CropId], source: SourceFrames, settings: Settings) -> dict[CropId, bytes]:
    """Crops cut from the source's frames."""
    from . import pixels

    times = log.times({frame for frame, _ in missing})
    images = source(set(times.values()))
    output = settings.output
    return {
        (frame, box): pixels.encode(images[times[frame]], box, output.image_format, output.jpeg_quality)
        for frame, box in sorted(missing)
        if times[frame] in images
    }


def _with_logged_pictures(log: RunLog, result: RunResult) -> RunResult:
    """A recorded result with its pictures."""
    held = pictures_of(log)

    def picture(t_ns: int, box: IntBox) -> bytes:
        image = held(t_ns, box)
        if image is None:
            raise RunLogError(log.path, "it is damaged: a crop of a published image is missing", useless=True)
        return image

    return with_candidates(
        result,
        lambda candidate: replace(candidate, image=picture(candidate.sample.t_ns, candidate.crop_box)),
        lambda pair: replace(pair, image=picture(pair.first.sample.t_ns, pair.crop_box)),
    )
