"""Asking the plugins of one run: every answer is checked, and a plugin's failure is noted and costs only its answer."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pluggy

from . import hooks
from .core.config import FaceIdModel, GateConfig
from .core.geometry import clip
from .core.policy import AS_DESIGNED, Policy, Stability
from .core.quality import quality_score
from .core.results import RunResult
from .core.types import FaceSample, Image, Vector
from .documents import person_folder
from .export.builtin import FolderExporter, ReportExporter
from .export.bundle import Bundle, image_path
from .hooks_faults import HookError, HookFault, fault_of
from .hooks_plugins import Plugin, plugin_manager

logger = logging.getLogger(__name__)

EXPORTERS: tuple[Plugin, ...] = (("folder", FolderExporter()), ("report", ReportExporter()))
BEFORE_THE_LOG = ("identity_builder_bucket_axes", "identity_builder_sampling_priority")
"""Hooks whose answers go into the run log: a rebuild does not ask them again."""
MAX_AXES, MAX_BINS, MAX_PRIORITY = 8, 32, 10.0
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")

Check = Callable[[Any], Any]


class Hooks:
    """The plugins of one run. `faults` are those that failed; each is logged once and not asked again."""

    def __init__(
        self, builtin: Sequence[Plugin] = (), given: Sequence[Plugin] = (), skipped: Collection[str] = ()
    ) -> None:
        self._manager, self.faults = plugin_manager((*builtin, *EXPORTERS), given, skipped)
        self._failed: set[tuple[str, str]] = set()
        self._bins: dict[str, set[str]] = {}
        for fault in self.faults:
            logger.error("%s", fault)

    def policy(self, named: Callable[[FaceIdModel], FaceIdModel] = lambda model: model) -> Policy:
        """Stability and quality as the plugins tell them, ours where none does. `named`: the model as it is called."""

        def stability(e_id: Vector, prototype: Vector, model: FaceIdModel) -> Stability:
            arguments = {"e_id": e_id, "prototype": prototype, "model": named(model)}
            for plugin, answer in self._answers("identity_builder_stability", arguments, _stability):
                return Stability(answer.value, answer.against or f"plugin {plugin}")
            return AS_DESIGNED.stability(e_id, prototype, model)

        def quality(sample: FaceSample, gates: GateConfig) -> float:
            ours = quality_score(sample, gates)
            for _, answer in self._answers("identity_builder_quality", {"sample": sample, "quality": ours}, _quality):
                return float(answer)
            return ours

        return Policy(
            stability if self._implementing("identity_builder_stability") else AS_DESIGNED.stability,
            quality if self._implementing("identity_builder_quality") else AS_DESIGNED.quality,
        )

    def with_extra_bins(self, samples: Sequence[FaceSample], image: Image) -> tuple[FaceSample, ...]:
        """The samples with the bins of further axes, from a `(h, w, 3)` uint8 BGR frame."""
        if not self._implementing("identity_builder_bucket_axes"):
            return tuple(samples)
        return tuple(self._with_bins(sample, image) for sample in samples)

    def _with_bins(self, sample: FaceSample, image: Image) -> FaceSample:
        x1, y1, x2, y2 = clip(sample.bbox, (image.shape[1], image.shape[0]))
        if x2 <= x1 or y2 <= y1:
            return sample
        face = image[y1:y2, x1:x2]
        face.flags.writeable = False
        bins: dict[str, str] = dict(sample.extra_bins)
        for _, answer in self._answers("identity_builder_bucket_axes", {"sample": sample, "face": face}, self._axes):
            bins = {**answer, **bins}
        return replace(sample, extra_bins=tuple(sorted(bins.items())))

    def _axes(self, answer: Any) -> dict[str, str]:
        if not isinstance(answer, Mapping):
            raise HookError(f"must give a mapping of axis to bin, gave {type(answer).__name__}")
        for axis, name in answer.items():
            if not (
                isinstance(axis, str) and isinstance(name, str) and _NAME.fullmatch(axis) and _NAME.fullmatch(name)
            ):
                raise HookError(f"{axis!r}: {name!r} are no names: up to 32 of a-z, 0-9 and _, a letter first")
            bins = self._bins.setdefault(axis, set())
            bins.add(name)
            if len(self._bins) > MAX_AXES or len(bins) > MAX_BINS:
                raise HookError(f"more than {MAX_AXES} axes, or than {MAX_BINS} bins of {axis}")
        return dict(answer)

    def sampling_priority(self, t_ns: int) -> float:
        """How much a moment matters: the highest answer, 1 where nobody says."""
        answers = self._answers("identity_builder_sampling_priority", {"t_ns": t_ns}, _priority)
        return max((float(answer) for _, answer in answers), default=hooks.ORDINARY_PRIORITY)

    def exported(self, bundle: Bundle) -> dict[str, bytes]:
        """All files of a set. What our own exporters raise is raised."""
        files: dict[str, bytes] = {}

        def check(answer: Any) -> Any:
            return _files(answer, files)

        for _, answer in self._answers("identity_builder_export", {"bundle": bundle}, check):
            files |= answer
        return files

    def published(self, result: RunResult, folder: Path, video_id: str, model: FaceIdModel) -> None:
        """Tell of every image that was published in `folder`, and of every person."""
        for person in result.persons:
            for image in person.images:
                path = folder / image_path(person.person_id, image)
                arguments = {"image": image, "person": person, "path": path}
                self._tell("identity_builder_image_saved", arguments)
            own = folder / person_folder(person.person_id)
            about = {"person": person, "result": result, "folder": own, "video_id": video_id, "model": model}
            self._tell("identity_builder_person_finished", about)

    def _tell(self, hook: str, arguments: Mapping[str, object]) -> None:
        for _ in self._answers(hook, arguments, lambda answer: answer):
            pass

    def fault_counts(self, *only: str) -> Counter[str]:
        """`hook:PLUGIN:HOOK` of everything that failed, as `result.json` counts faults; or of these hooks only."""
        return Counter(f"hook:{fault.plugin}:{fault.hook}" for fault in self.faults if not only or fault.hook in only)

    def _implementing(self, hook: str) -> list[pluggy.HookImpl]:
        """Those who implement a hook in the order in which they are asked, our exporters before anybody's."""
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        everyone = caller.get_hookimpls()[::-1]
        return [one for ours in (True, False) for one in everyone if _is_ours(one.plugin) is ours]

    def _answers(self, hook: str, arguments: Mapping[str, object], check: Check) -> Iterator[tuple[str, Any]]:
        """Plugin and checked answer of everyone who has one, in the order in which they are asked."""
        for one in self._implementing(hook):
            if (one.plugin_name, hook) in self._failed:
                continue
            try:
                given = one.function(*(arguments[name] for name in one.argnames))
                answer = None if given is None else check(given)
            except Exception as error:
                if _is_ours(one.plugin):
                    raise
                self._note(fault_of(one.plugin_name, hook, arguments, error))
                continue
            if answer is not None:
                yield one.plugin_name, answer

    def _note(self, fault: HookFault) -> None:
        self._failed.add((fault.plugin, fault.hook))
        self.faults.append(fault)
        logger.error("%s", fault)


def _is_ours(plugin: object) -> bool:
    return any(plugin is exporter for _, exporter in EXPORTERS)


def _number(answer: Any, low: float, high: float) -> float:
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not math.isfinite(answer):
        raise HookError(f"must give a number, gave {answer!r}"[:80])
    if not low <= answer <= high:
        raise HookError(f"must give {low:g} to {high:g}, gave {answer:g}")
    return float(answer)


def _stability(answer: Any) -> Stability:
    given = answer if isinstance(answer, Stability) else Stability(answer)
    return replace(given, value=min(1.0, max(-1.0, _number(given.value, -1.001, 1.001))))


def _quality(answer: Any) -> float:
    return _number(answer, 0.0, 1.0)


def _priority(answer: Any) -> float:
    return _number(answer, 0.0, MAX_PRIORITY)


def clashes(path: str, others: Iterable[str]) -> bool:
    """True where `path` and another one cannot both be files, whatever the case of their letters."""
    mine, theirs = path.casefold(), [other.casefold() for other in others]
    nested = any(mine.startswith(f"{other}/") or other.startswith(f"{mine}/") for other in theirs)
    return nested or theirs.count(mine) > 1


def _files(answer: Any, taken: Collection[str]) -> dict[str, bytes]:
    if not isinstance(answer, Mapping):
        raise HookError(f"must give a mapping of path to content, gave {type(answer).__name__}")
    for path, content in answer.items():
        parts = PurePosixPath(path).parts if isinstance(path, str) else ()
        if not parts or ".." in parts or PurePosixPath(path).is_absolute() or "\\" in path or "\0" in path:
            raise HookError(f"{path!r} is no path inside the set")
        if str(PurePosixPath(path)) != path or clashes(path, (*taken, *answer)):
            raise HookError(f"{path!r} is no plain path, or stands where another file or folder does")
        if not isinstance(content, bytes):
            raise HookError(f"{path!r}: the content must be bytes, not {type(content).__name__}")
    return dict(answer)
