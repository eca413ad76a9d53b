"""Settings of how inputs are decoded: `decode.KEY` in `--set`, `VPX_DECODE__KEY` in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from visualbase import DecodeLimits, FileSource, ImageSource, IsolatedSource, isolated_source_for, source_for

from vpx.runner.errors import SettingsError
from vpx.sdk.settings import ModuleSettingsError, NumberSetting, environment_name, resolve_numbers

MODULE = "decode"
_DEFAULT = DecodeLimits()
DECODE_SETTINGS = (
    NumberSetting("isolated", 1, 0, 1, "1: a process of its own decodes, so that a crafted file cannot crash this one"),
    NumberSetting("stall_s", _DEFAULT.stall_s, 0.1, 3600, "seconds without progress until decoding is given up"),
    NumberSetting("cpu_s", _DEFAULT.cpu_s, 1, 3600, "seconds of processor time without progress until it is given up"),
    NumberSetting("memory_mb", _DEFAULT.memory_mb, 64, 1 << 20, "MiB of address space that decoding may take"),
    NumberSetting("max_pixels", _DEFAULT.max_pixels, 1, 1 << 30, "pixels of one frame of a video"),
    NumberSetting("max_photo_pixels", _DEFAULT.max_photo_pixels, 1, 1 << 30, "pixels of one photo"),
    NumberSetting("max_frames", _DEFAULT.max_frames, 1, 1 << 40, "frames that are read of a video at most"),
    NumberSetting("max_streams", _DEFAULT.max_streams, 1, 1000, "streams that a video file may hold"),
)


@dataclass(frozen=True)
class Decoding:
    """How inputs given by path are decoded."""

    isolated: bool = True
    limits: DecodeLimits = _DEFAULT

    @classmethod
    def resolve(cls, given: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> Decoding:
        """From texts, else the environment, else defaults. Raises `SettingsError` naming everything that is wrong."""
        values = _values(given or {}, os.environ if environ is None else environ)
        limits = DecodeLimits(
            stall_s=values["stall_s"],
            cpu_s=int(values["cpu_s"]),
            memory_mb=int(values["memory_mb"]),
            max_pixels=int(values["max_pixels"]),
            max_photo_pixels=int(values["max_photo_pixels"]),
            max_frames=int(values["max_frames"]),
            max_streams=int(values["max_streams"]),
        )
        return cls(bool(values["isolated"]), limits)

    @classmethod
    def of(cls, assignments: Mapping[str, str]) -> Decoding:
        """From the settings of a whole run by `module.key`, of which those of `decode` count. Raises as `resolve`."""
        prefix = f"{MODULE}."
        return cls.resolve({key.removeprefix(prefix): v for key, v in assignments.items() if key.startswith(prefix)})

    def source(self, path: str | os.PathLike[str]) -> FileSource | ImageSource | IsolatedSource:
        """The source for a path, not yet opened."""
        open_as = isolated_source_for if self.isolated else source_for
        return open_as(path, limits=self.limits)


def settings_in_effect(given: Mapping[str, str]) -> list[tuple[NumberSetting, float, str]]:
    """Every setting of decoding with its value and where that came from. Raises as `Decoding.resolve`."""
    values = _values(given, os.environ)
    found = []
    for row in DECODE_SETTINGS:
        name = environment_name(MODULE, row.key)
        origin = "argument" if row.key in given else f"environment {name}" if name in os.environ else "default"
        found.append((row, values[row.key], origin))
    return found


def _values(given: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, float]:
    keys = [row.key for row in DECODE_SETTINGS]
    unknown = sorted(set(given) - set(keys))
    if unknown:
        raise SettingsError(f"{MODULE} has no setting {', '.join(unknown)}; its settings are: {', '.join(keys)}")
    try:
        return resolve_numbers(MODULE, DECODE_SETTINGS, given, environ)
    except ModuleSettingsError as error:
        raise SettingsError(str(error)) from error
