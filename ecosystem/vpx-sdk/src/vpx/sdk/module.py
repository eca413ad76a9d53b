"""The base class of every analyzer and consumer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from visualbase import Frame

from vpx.sdk.capability import Capability, ErrorPolicy, ModuleCapabilities, PortSchema
from vpx.sdk.marks import Mark
from vpx.sdk.observation import Observation


class Module(ABC):
    """One step of an analysis, called by a host once per frame.

    The class is built with no arguments (every constructor parameter has a default) and loads its models in
    ``initialize``. Two lifecycles are in use and a module must stand both: ``cleanup`` only, or ``reset`` between
    videos and ``release`` at shutdown; the default ``cleanup`` is ``reset`` and then ``release``. The members below
    that are properties may be plain class attributes in a subclass.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The module's name: the key of its entry point and of its observations in ``deps``."""

    @property
    def depends(self) -> list[str]:
        """Names of modules that must run before this one; the host adds or demands them."""
        return []

    @property
    def optional_depends(self) -> list[str]:
        """Names of modules whose observations are used if they happen to run; they then run before this one."""
        return []

    @property
    def stateful(self) -> bool:
        """True if frames must arrive one by one in time order."""
        return False

    @property
    def port_schema(self) -> PortSchema | None:
        """Signals read and written, or None where the module does not say."""
        return None

    @property
    def error_policy(self) -> ErrorPolicy | None:
        """What a flow-graph host does when this module fails on a frame; None ends the run."""
        return None

    @property
    def capabilities(self) -> ModuleCapabilities:
        """Scheduling facts; the default only repeats ``stateful``."""
        return ModuleCapabilities(flags=Capability.STATEFUL if self.stateful else Capability.NONE)

    def initialize(self) -> None:  # noqa: B027 - optional hook, an empty default is the contract
        """Load models and open files. May be called again after ``cleanup``."""

    def warmup(self, sample_frame: Frame | None = None) -> None:  # noqa: B027 - optional hook
        """Pay one-time costs before the first frame. Not every host calls it."""

    @abstractmethod
    def process(self, frame: Frame, deps: dict[str, Observation] | None = None) -> Observation | None:
        """Analyse one frame; None means no output for this frame.

        ``deps`` maps declared names to what they produced for this frame; it is None or ``{}`` where nothing was.
        """

    def process_batch(
        self, frames: list[Frame], deps_list: list[dict[str, Observation] | None]
    ) -> list[Observation | None]:
        """Analyse several frames in time order; the two lists correspond by index."""
        return [self.process(frame, deps) for frame, deps in zip(frames, deps_list, strict=True)]

    def reset(self) -> None:  # noqa: B027 - optional hook
        """Forget the video; called between two videos and by ``cleanup``. Must stand an empty state."""

    def release(self) -> None:  # noqa: B027 - optional hook
        """Let go of models and files; called at shutdown and by ``cleanup``. Must stand being called twice."""

    def cleanup(self) -> None:
        """End of the older lifecycle: ``reset``, then ``release`` even where ``reset`` fails."""
        try:
            self.reset()
        finally:
            self.release()

    def annotate(self, obs: Observation) -> list[Mark]:  # noqa: ARG002 - the signature is the contract
        """Drawing instructions for one of this module's observations, in normalised coordinates."""
        return []

    def __enter__(self) -> Self:
        self.initialize()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cleanup()
