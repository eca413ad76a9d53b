"""Hosts as the ecosystem has them, written for the tests: each does what the contract says of it, and no more.

A host runs fresh modules over clips of frames and reports every observation. What differs: which lifecycle methods it
calls and when, what it passes as deps, from which thread, what becomes of observations on the way, and who sees errors.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from visualbase import Frame
from vpx.sdk import Module, Observation

Clip = Sequence[Frame]
Factory = Callable[[], list[Module]]
"""Builds fresh modules in processing order, as a host does from names."""


@dataclass
class HostRun:
    """What a host did: per clip the observations of each frame, the modules, and what went wrong."""

    modules: list[Module]
    clips: list[list[dict[str, Any]]] = field(default_factory=list)
    cleanup_errors: list[Exception] = field(default_factory=list)
    lost: int = 0

    def module(self, name: str) -> Any:
        return next(module for module in self.modules if module.name == name)

    def signals(self, name: str) -> list[dict[str, Any]]:
        return [obs[name].signals for clip in self.clips for obs in clip if name in obs]


class AttrDict(dict[str, Any]):
    """A dataclass on the other side of a process boundary: its fields as attributes; dict methods stay dict methods."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


class ShippedObservation:
    """Another class than `Observation`, with the same fields."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.__dict__.update(document)


def shipped_data(value: Any) -> Any:
    """The typed output after its trip: fields only, lists for tuples, text keys, numeric arrays as they were."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return AttrDict({item.name: shipped_data(getattr(value, item.name)) for item in dataclasses.fields(value)})
    if isinstance(value, dict):
        return AttrDict({str(key): shipped_data(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return [shipped_data(item) for item in value]
    if isinstance(value, enum.Enum | set | frozenset):
        return str(value)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiub":
            raise TypeError("an array of objects cannot cross")
        return np.frombuffer(value.tobytes(), value.dtype).reshape(value.shape)
    if isinstance(value, np.generic):
        return value.item()
    return json.loads(json.dumps(value, allow_nan=True))


def shipped(obs: Any) -> ShippedObservation | None:
    """One observation as one JSON document and back; None where it is lost on the way."""
    try:
        signals = json.loads(json.dumps(obs.signals))
        metadata = json.loads(json.dumps(obs.metadata))
        data = shipped_data(obs.data)
        timing = json.loads(json.dumps(obs.timing))
    except (TypeError, ValueError):
        return None
    return ShippedObservation(
        {
            "source": obs.source,
            "frame_id": int(obs.frame_id),
            "t_ns": int(obs.t_ns),
            "signals": signals,
            "data": data,
            "metadata": metadata,
            "timing": timing,
        }
    )


def shipped_frame(frame: Frame) -> Frame:
    """The frame as JPEG 95 and back."""
    done, data = cv2.imencode(".jpg", frame.data, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise RuntimeError("cannot encode the frame")
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return replace(frame, data=np.asarray(decoded, np.uint8))


@dataclass(frozen=True)
class Host:
    """One kind of host. The fields are the contract's words; `run` is the same for all."""

    name: str
    era: str
    warmup: bool = False
    reset_before_each: bool = False
    endings: tuple[str, ...] = ("cleanup",)
    swallows_cleanup: bool = False
    empty_dict: bool = False
    optional_deps: bool = True
    changing_threads: bool = False
    json: bool = False
    parallel: bool = False
    """Modules of one dependency level run at the same time, each in a thread of its own."""
    honours_policies: bool = False
    renumbers: bool = False
    reuses_buffer: bool = False
    """Every frame is written into one and the same array, as a camera loop does."""
    sees_result: bool = True
    """Whether the end of the video reaches the module."""

    def run(self, build: Factory, clips: Sequence[Clip], *, fail_at: int | None = None) -> HostRun:
        """Run fresh modules over clips: one after another where the host is warm, else anew for each.

        With `fail_at` the host itself breaks at that frame of a clip, as when another module raises.
        """
        if self.reset_before_each:
            return self._run_warm(build(), clips)
        done = HostRun([])
        for clip in clips:
            done.modules = build()
            self._start(done.modules)
            try:
                done.clips.append(self._frames(done, clip if fail_at is None else clip[:fail_at]))
            finally:
                self._end(done)
        return done

    def _run_warm(self, modules: list[Module], clips: Sequence[Clip]) -> HostRun:
        done = HostRun(modules)
        self._start(modules)
        for clip in clips:
            for module in modules:
                module.reset()
            done.clips.append(self._frames(done, clip))
        self._end(done)
        return done

    def _start(self, modules: Iterable[Module]) -> None:
        for module in modules:
            module.initialize()
            if self.warmup:
                module.warmup(None)

    def _end(self, done: HostRun) -> None:
        for module in done.modules:
            for name in self.endings:
                try:
                    getattr(module, name)()
                except Exception as error:  # noqa: BLE001 - the host swallows or raises, as its kind does
                    done.cleanup_errors.append(error)
        if done.cleanup_errors and not self.swallows_cleanup:
            raise done.cleanup_errors[0]

    def _frames(self, done: HostRun, clip: Clip) -> list[dict[str, Any]]:
        buffer = clip[0].data.copy() if self.reuses_buffer else None
        return [self._frame(done, self._as_sent(frame, index, buffer)) for index, frame in enumerate(clip)]

    def _as_sent(self, frame: Frame, index: int, buffer: np.ndarray | None) -> Frame:
        sent = replace(frame, frame_id=index) if self.renumbers else frame
        if buffer is not None:
            buffer[:] = sent.data
            sent = replace(sent, data=buffer)
        return shipped_frame(sent) if self.json else sent

    def _frame(self, done: HostRun, frame: Frame) -> dict[str, Any]:
        produced: dict[str, Any] = {}
        for level in levels(done.modules) if self.parallel else [[module] for module in done.modules]:
            for module, obs in zip(level, self._level(level, frame, produced), strict=True):
                answer = shipped(obs) if obs is not None and self.json else obs
                done.lost += obs is not None and answer is None
                if answer is not None:
                    produced[module.name] = answer
        return produced

    def _level(self, level: list[Module], frame: Frame, produced: dict[str, Any]) -> list[Any]:
        calls = [(module, frame, self._deps(module, produced)) for module in level]
        if not self.changing_threads:
            return [self._guarded(*call) for call in calls]
        with ThreadPoolExecutor(len(calls)) as pool:
            return [future.result() for future in [pool.submit(self._guarded, *call) for call in calls]]

    def _deps(self, module: Module, produced: dict[str, Any]) -> dict[str, Any] | None:
        optional = list(module.optional_depends) if self.optional_deps else []
        declared = [*module.depends, *optional]
        if not declared:
            return None
        found = {name: produced[name] for name in declared if name in produced}
        return found or ({} if self.empty_dict else None)

    def _guarded(self, module: Module, frame: Frame, deps: dict[str, Any] | None) -> Any:
        policy = module.error_policy if self.honours_policies else None
        if policy is None:
            return module.process(frame, deps)
        with suppress(Exception):
            return module.process(frame, deps)
        return None


def levels(modules: Sequence[Module]) -> list[list[Module]]:
    """Modules in groups: each group needs only what came before it."""
    depth: dict[str, int] = {}
    for module in modules:
        needed = [*module.depends, *module.optional_depends]
        depth[module.name] = 1 + max((depth[name] for name in needed if name in depth), default=-1)
    return [[m for m in modules if depth[m.name] == level] for level in sorted(set(depth.values()))]


HOSTS = (
    Host("LiteRunner", "A", swallows_cleanup=True, empty_dict=True, renumbers=True),
    Host("LiteRunner", "B", swallows_cleanup=True, empty_dict=True),
    Host("flow graph", "A", warmup=True, changing_threads=True, parallel=True, honours_policies=True, renumbers=True),
    Host(
        "flow graph",
        "B",
        warmup=True,
        changing_threads=True,
        parallel=True,
        honours_policies=True,
        endings=("reset", "release"),
    ),
    Host("warm executor", "B", warmup=True, reset_before_each=True, endings=("reset", "release")),
    Host("camera loop", "A/B", reuses_buffer=True, endings=("reset", "release")),
    Host("thread worker", "A/B", optional_deps=False, changing_threads=True, endings=("reset", "release")),
    Host("process worker", "A/B", json=True, endings=("cleanup",)),
    Host("process worker, killed", "A/B", json=True, endings=(), sees_result=False),
)


def title(host: Host) -> str:
    return f"{host.name} ({host.era})"


def observation(source: str, frame: Frame, data: Any, signals: dict[str, Any] | None = None) -> Observation:
    return Observation(source, frame.frame_id, frame.t_src_ns, signals or {}, data)
