"""ONNX Runtime sessions as this package uses them: CPU, few threads, no spinning."""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded: it would leave an id in the home

import onnxruntime as ort


def make_session(model: bytes, threads: int) -> ort.InferenceSession:
    """Return a session over a serialised model.

    Threads that spin between calls cost the other analyzers a third of their time, so they sleep.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
