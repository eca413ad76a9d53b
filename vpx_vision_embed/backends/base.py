"""What a backend is: the contract of `infer`, and nothing about images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vpx_vision_embed.errors import BackendError

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]


class Backend(Protocol):
    """A loaded model. `infer` may be called from several threads at once; a backend must not be used after a fork."""

    @property
    def device(self) -> str:
        """Where it runs: "cpu" or "cuda"."""

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 3, h, w) float32 normalised RGB planes, n ≥ 1 → (n, dim) float32, not normalised.

        Raises BackendError if the library fails or answers with another shape or a non-finite number.
        """

    def close(self) -> None:
        """Let go of the model's memory; a second call does nothing."""


@runtime_checkable
class CropBackend(Protocol):
    """A backend that resizes and normalises by itself."""

    def infer_crops(self, crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(h, w, 3) uint8 BGR crops, checked, n ≥ 1 → (n, dim) float32, not normalised.

        The answer is good until this thread's next call, and need not be finite. Raises BackendError, ClosedError.
        """

    def raw_inference(self, crops: Sequence[NDArray[np.uint8]]) -> Callable[[], object]:
        """A call that runs the bare model on these crops, which lie on its device as a tensor already."""


def require_answer(answer: NDArray[np.float32], rows: int, dim: int) -> NDArray[np.float32]:
    """The answer as float32 if it is (rows, dim) and finite, else BackendError."""
    if answer.shape != (rows, dim):
        raise BackendError(f"the model answered with shape {answer.shape}, expected ({rows}, {dim})")
    values = np.ascontiguousarray(answer, dtype=np.float32)
    if not np.isfinite(values).all():
        raise BackendError("the model answered with a number that is not finite")
    return values
