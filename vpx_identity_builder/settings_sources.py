"""The places settings come from: constructor arguments, environment, TOML file. Nothing is validated here but names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from vpx_identity_builder.core.words import did_you_mean
from vpx_identity_builder.errors import SettingProblem, SettingsError

MODULE = "identity_builder"
ENVIRONMENT_PREFIX = "VPX_IDENTITY_BUILDER__"
FILE_VARIABLE = "IDENTITY_BUILDER_CONFIG"
FILE_NAME = "identity_builder.toml"
READS_IT_ITSELF = "vision.embed."
"""Settings of the other module that looks into the file."""


LOGGED = "run log"
"""Origin of a setting that a run was built with."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was found, unchecked, and where."""

    value: object
    origin: str


def collect(
    arguments: Mapping[str, object], environ: Mapping[str, str], cwd: Path, known: Iterable[str]
) -> tuple[dict[str, Found], list[SettingProblem]]:
    """Key → the value of the strongest source, and a problem for every key that is none of `known`."""
    problems: list[SettingProblem] = []
    sources = (from_file(environ, cwd, problems), from_environment(environ), from_arguments(arguments))
    return _merged(sources, list(known), problems), problems


def from_given(arguments: Mapping[str, object], known: Iterable[str]) -> tuple[dict[str, Found], list[SettingProblem]]:
    """As `collect`, from constructor arguments alone."""
    problems: list[SettingProblem] = []
    return _merged([from_arguments(arguments)], list(known), problems), problems


def _merged(
    sources: Iterable[Mapping[str, Found]], names: list[str], problems: list[SettingProblem]
) -> dict[str, Found]:
    """The value of the last source that has one; what nobody knows goes to the `problems`."""
    found: dict[str, Found] = {}
    for source in sources:
        for key, item in source.items():
            if key in names:
                found[key] = item
            else:
                problems.append(_unknown(key, item, names))
    return found


def from_arguments(arguments: Mapping[str, object]) -> dict[str, Found]:
    """Constructor arguments; keys may carry the module's name, as in `identity_builder.tau_id`.

    A value may be `Found` elsewhere, as on the command line.
    """
    return {
        key.removeprefix(f"{MODULE}."): value if isinstance(value, Found) else Found(value, "argument")
        for key, value in arguments.items()
    }


def from_environment(environ: Mapping[str, str]) -> dict[str, Found]:
    """`VPX_IDENTITY_BUILDER__<KEY>`; an empty variable counts as not set."""
    return {
        name.removeprefix(ENVIRONMENT_PREFIX).lower(): Found(text, f"environment {name}")
        for name, text in sorted(environ.items())
        if name.startswith(ENVIRONMENT_PREFIX) and text.strip()
    }


def from_file(environ: Mapping[str, str], cwd: Path, problems: list[SettingProblem]) -> dict[str, Found]:
    """The table `[identity_builder]` of the TOML file; tables of other modules are theirs to read.

    A file named by the environment must exist; `identity_builder.toml` in the working folder may be absent.
    """
    document, origin = _document(environ, cwd)
    problems.extend(
        SettingProblem(key, value, f"belongs into the table [{MODULE}]", origin)
        for key, value in document.items()
        if not isinstance(value, dict)
    )
    problems.extend(
        SettingProblem(f"[{key}]", "table", f"no such table; did you mean [{MODULE}]?", origin)
        for key, value in document.items()
        if isinstance(value, dict) and _is_mistyped(key)
    )
    table = document.get(MODULE, {})
    return {key: Found(value, origin) for key, value in table.items()} if isinstance(table, dict) else {}


def other_modules(environ: Mapping[str, str], cwd: Path) -> dict[str, Found]:
    """`module.key` → value in the tables of other modules, `[face.detect]` or `["face.detect"]`.

    Raises `SettingsError` for a file that cannot be read.
    """
    document, origin = _document(environ, cwd)
    own = {key: value for key, value in document.items() if key != MODULE and not _is_mistyped(key)}
    return {".".join(path): Found(value, origin) for path, value in _entries(own) if len(path) > 1}


def variable_of(key: str) -> str:
    """The environment variable of a setting, given as `module.key`."""
    module, _, name = key.rpartition(".")
    return f"VPX_{module.replace('.', '_')}__{name}".upper()


def misspelt_variables(environ: Mapping[str, str], keys: Iterable[str]) -> list[str]:
    """A line for each variable that nobody reads and that is nearly the one of a setting (`module.key`)."""
    variables = [variable_of(key) for key in keys]
    meant = {_squeezed(name): name for name in variables}
    return [
        f"the environment variable {name} is not read: the one of the setting is {meant[_squeezed(name)]}"
        for name in sorted(environ)
        if _squeezed(name) in meant and name not in variables
    ]


def unread_tables(environ: Mapping[str, str], cwd: Path, told: Collection[str], modules: Collection[str]) -> list[str]:
    """A line for each setting in the file's tables of other modules that its module is not `told` (`module.key`).

    Only a host that reads the file tells them; `vision.embed` reads it itself, and the environment needs no telling.
    `modules`: those of the run, which alone can be given settings.
    """
    return [
        f"{item.origin}: {key} is not read in this run; {_instead_of_the_table(key, item.value, modules)}"
        for key, item in other_modules(environ, cwd).items()
        if key not in told and variable_of(key) not in environ and not key.startswith(READS_IT_ITSELF)
    ]


def _instead_of_the_table(key: str, value: object, modules: Collection[str]) -> str:
    module = key.rpartition(".")[0]
    if module in modules:
        return f"give --set {key}={value} or {variable_of(key)}"
    hint = did_you_mean(module, modules)
    return f"there is no module {module!r} in it" + (f"; {hint}" if hint else "")


def settings_file(environ: Mapping[str, str]) -> str:
    """The settings file as the environment names it, else `identity_builder.toml`."""
    return environ.get(FILE_VARIABLE, "").strip() or FILE_NAME


def _entries(table: Mapping[str, object], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _entries(value, (*path, name))
        else:
            yield (*path, name), value


def _squeezed(name: str) -> str:
    return re.sub("_+", "_", name.upper())


def _is_mistyped(table: str) -> bool:
    return table != MODULE and bool(get_close_matches(table, [MODULE], cutoff=0.8))


def _document(environ: Mapping[str, str], cwd: Path) -> tuple[dict[str, object], str]:
    """The settings file, empty where there is none, and how problems name it."""
    path, shown, demanded = _path(environ, cwd)
    return (_parse(path, shown) if demanded or path.exists() else {}), f"file {shown}"


def _path(environ: Mapping[str, str], cwd: Path) -> tuple[Path, str, bool]:
    named = environ.get(FILE_VARIABLE, "").strip()
    if named:
        return cwd / Path(named).expanduser(), named, True
    return cwd / FILE_NAME, FILE_NAME, False


def _parse(path: Path, shown: str) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        line = "a line reads key = value, with text in quotes"
        raise SettingsError([f"{shown} is not valid TOML: {error}; {line}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{shown} is not UTF-8 text"]) from error
    except RecursionError as error:
        raise SettingsError([f"{shown} is nested too deeply"]) from error
    except OSError as error:
        raise SettingsError([f"{shown} cannot be read: {error.strerror or type(error).__name__}"]) from error


def _unknown(key: str, item: Found, names: list[str]) -> SettingProblem:
    there = f"leave {key} out, and `identity-builder config --show` lists all settings that there are"
    hint = did_you_mean(key, names, most=3, likeness=0.6) or there
    return SettingProblem(key, item.value, f"no such setting; {hint}", item.origin)
