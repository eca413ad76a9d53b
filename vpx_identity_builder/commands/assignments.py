"""`--set module.key=value`, and whom each is for."""

from __future__ import annotations

from collections.abc import Sequence

from vpx_identity_builder.errors import SettingProblem, SettingsError
from vpx_identity_builder.settings_sources import MODULE


def parse(texts: Sequence[str]) -> tuple[dict[str, object], dict[str, str]]:
    """Our own settings by key, and those of other modules by `module.key`; later ones win.

    Raises `SettingsError` naming every text that is not `module.key=value`.
    """
    own: dict[str, object] = {}
    others: dict[str, str] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        module, _, key = name.strip().rpartition(".")
        if not (equals and module and key):
            problems.append(SettingProblem(name, value, "must be written module.key=value", "--set"))
        elif module == MODULE:
            own[key] = value
        else:
            others[f"{module}.{key}"] = value
    if problems:
        raise SettingsError(problems)
    return own, others
