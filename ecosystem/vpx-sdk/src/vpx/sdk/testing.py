"""Helpers for testing modules: fakes, frames, and one harness that checks a module against the contract."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from visualbase import Frame

from vpx.sdk.module import Module
from vpx.sdk.observation import Observation

_DICT_METHODS = frozenset(name for name in dir(dict) if not name.startswith("_"))


class ModuleContractWarning(UserWarning):
    """Something that works but is not what the ecosystem expects."""


class FakeModule(Module):
    """A real module without a model: it records what the host does with it in ``calls`` and ``seen_deps``."""

    def __init__(
        self,
        name: str = "fake.module",
        depends: Sequence[str] = (),
        optional_depends: Sequence[str] = (),
        signals: dict[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._depends = list(depends)
        self._optional_depends = list(optional_depends)
        self._signals = dict(signals or {})
        self.calls: list[str] = []
        self.seen_deps: list[dict[str, Observation] | None] = []

    @property
    def name(self) -> str:
        """The name given to the constructor."""
        return self._name

    @property
    def depends(self) -> list[str]:
        """The required names given to the constructor."""
        return self._depends

    @property
    def optional_depends(self) -> list[str]:
        """The optional names given to the constructor."""
        return self._optional_depends

    def initialize(self) -> None:
        """Record the call."""
        self.calls.append("initialize")

    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        """Record the call and return the signals given to the constructor."""
        self.calls.append("process")
        self.seen_deps.append(deps)
        return Observation(self.name, frame.frame_id, frame.t_src_ns, dict(self._signals))

    def reset(self) -> None:
        """Record the call."""
        self.calls.append("reset")

    def release(self) -> None:
        """Record the call."""
        self.calls.append("release")


def make_frame(frame_id: int = 0, t_src_ns: int = 0, width: int = 64, height: int = 48, seed: int = 0) -> Frame:
    """A frame of seeded noise, so that two frames of one seed are equal."""
    rng = np.random.default_rng(seed)
    return Frame.from_array(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), frame_id, t_src_ns)


def make_frames(count: int, fps: float = 10.0, width: int = 64, height: int = 48) -> list[Frame]:
    """``count`` different noise frames at a constant rate from time 0."""
    return [make_frame(i, round(i * 1e9 / fps), width, height, seed=i) for i in range(count)]


def assert_module_contract(module: Any, frames: Sequence[Frame] | None = None) -> list[Observation]:
    """Check a module against the contract; warns where it is only unusual. Returns the first round's observations.

    Raises ``AssertionError`` with what is wrong. Checked are the types of ``name``, ``depends`` and
    ``optional_depends``, both lifecycles run twice, ``process`` without and with empty ``deps``, ``process_batch``, and
    what the observations hold.
    """
    _check_declarations(module)
    frames = list(frames) if frames is not None else make_frames(3)
    module.cleanup()
    rounds = [_run_lifecycle(module, frames) for _ in range(2)]
    module.cleanup()
    return rounds[0]


def _run_lifecycle(module: Any, frames: list[Frame]) -> list[Observation]:
    module.initialize()
    module.warmup(None)
    answers: list[tuple[Frame, Any]] = []
    for frame in frames:
        answers += [(frame, module.process(frame, None)), (frame, module.process(frame, {}))]
    batch = module.process_batch(frames, [None] * len(frames))
    _require(len(batch) == len(frames), f"process_batch returned {len(batch)} results for {len(frames)} frames")
    for frame, obs in [*answers, *zip(frames, batch, strict=True)]:
        if obs is not None:
            check_observation(obs, module.name, frame)
            _require(isinstance(module.annotate(obs), list), "annotate() must return a list")
    for ending in ("reset", "reset", "cleanup"):
        if ending == "cleanup" or hasattr(module, ending):
            getattr(module, ending)()
    return [obs for _, obs in answers if obs is not None]


def check_observation(obs: Any, name: str, frame: Frame) -> None:
    """Raise ``AssertionError`` unless ``obs`` is a valid answer of the module ``name`` to ``frame``."""
    _require(obs.source == name, f"source is {obs.source!r}, the module's name is {name!r}")
    _require(type(obs.frame_id) is int, f"frame_id must be an int, got {type(obs.frame_id).__name__}")
    _require(
        type(obs.t_ns) is int and obs.t_ns == frame.t_src_ns, f"t_ns is {obs.t_ns!r}, the frame's {frame.t_src_ns}"
    )
    for part in ("signals", "metadata"):
        value = getattr(obs, part)
        _require(isinstance(value, dict), f"{part} must be a dict")
        problem = find_non_json(value, part)
        _require(problem is None, f"{problem}: one such value loses the whole observation between processes")
    if obs.timing is not None:
        problem = find_non_json(obs.timing, "timing")
        _require(problem is None, str(problem))
    if dataclasses.is_dataclass(obs.data):
        clashes = sorted(field.name for field in dataclasses.fields(obs.data) if field.name in _DICT_METHODS)
        _require(not clashes, f"data has fields named like dict methods, unreadable in another process: {clashes}")


def find_non_json(value: Any, where: str = "value") -> str | None:
    """Describe the first part of a value that is not plain JSON, or None. Numpy scalars and NaN are not plain JSON."""
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                return f"{where} has the key {key!r} of type {type(key).__name__}"
            if problem := find_non_json(item, f"{where}[{key!r}]"):
                return problem
        return None
    if isinstance(value, list | tuple):
        problems = (find_non_json(item, f"{where}[{i}]") for i, item in enumerate(value))
        return next((problem for problem in problems if problem), None)
    if value is None or type(value) in (bool, int, str):
        return None
    if type(value) is float:
        return None if math.isfinite(value) else f"{where} is {value}"
    return f"{where} is a {type(value).__module__}.{type(value).__name__}"


def _check_declarations(module: Any) -> None:
    _require(isinstance(module.name, str) and module.name != "", f"name must be a non-empty str, got {module.name!r}")
    if "." not in module.name:
        warnings.warn(f"the name {module.name!r} has no dot", ModuleContractWarning, stacklevel=3)
    for attribute in ("depends", "optional_depends"):
        names = getattr(module, attribute, [])
        _require(
            isinstance(names, list) and all(isinstance(name, str) for name in names),
            f"{attribute} must be a list of str, got {names!r}",
        )
        _require(module.name not in names, f"the module names itself in {attribute}")
    both = sorted(set(module.depends) & set(getattr(module, "optional_depends", [])))
    _require(not both, f"required and optional at once: {both}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
