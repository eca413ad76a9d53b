"""ONNX Runtime sessions as this package uses them: CPU, few threads, no spinning, and nothing but the model itself."""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded: it would leave an id in the home

import onnx
import onnxruntime as ort
from google.protobuf.message import DecodeError, Message

PROVIDERS = ["CPUExecutionProvider"]


class UnsafeModelError(RuntimeError):
    """A model that is none, or whose tensors lie in other files."""


def make_session(model: bytes, threads: int) -> ort.InferenceSession:
    """Return a session over a serialised model. Raises `UnsafeModelError` where it refers to other files."""
    require_self_contained(model)
    return ort.InferenceSession(model, session_options(threads), providers=PROVIDERS)


def session_options(threads: int) -> ort.SessionOptions:
    """Return the options of every session here.

    Threads that spin between calls cost the other analyzers a third of their time, so they sleep.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def require_self_contained(model: bytes) -> None:
    """Raise `UnsafeModelError` unless the bytes are an ONNX model with all its tensors inside.

    A model file may name any path for a tensor, and ONNX Runtime would read it.
    """
    parsed = onnx.ModelProto()
    try:
        parsed.ParseFromString(model)
    except DecodeError as error:
        raise UnsafeModelError("it is not an ONNX model") from error
    if not parsed.HasField("graph"):
        raise UnsafeModelError("it is not an ONNX model")
    if _has_external_tensor(parsed):
        raise UnsafeModelError("it refers to external data, which is never read")


def _has_external_tensor(message: Message) -> bool:
    """Whether a tensor lies elsewhere, anywhere in the message: graphs hide in attributes, functions and training."""
    if isinstance(message, onnx.TensorProto):
        return bool(message.external_data) or message.data_location == onnx.TensorProto.EXTERNAL
    for field, value in message.ListFields():
        if field.message_type is not None:
            children = [value] if isinstance(value, Message) else value
            if any(_has_external_tensor(child) for child in children):
                return True
    return False
