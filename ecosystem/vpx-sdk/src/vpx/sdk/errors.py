"""The errors of the SDK, one small tree."""

from __future__ import annotations


class SdkError(Exception):
    """Base of everything the SDK raises on purpose (the weight files have their own tree).

    ``exit_code`` is what a command line answers with: 2, wrong usage or installation.
    """

    exit_code = 2


class MissingDependencyError(SdkError, LookupError):
    """A module needs another one that is not among the given modules."""

    def __init__(self, module: str, missing: str, available: list[str]) -> None:
        self.module = module
        self.missing = missing
        self.available = available
        super().__init__(f"module {module!r} needs {missing!r}, which is not among: {', '.join(available) or 'none'}")


class DependencyCycleError(SdkError, ValueError):
    """Modules wait for each other. ``cycle`` lists the names, each needing the next, the last the first."""

    def __init__(self, cycle: list[str]) -> None:
        self.cycle = cycle
        super().__init__(f"modules need each other in a circle: {' -> '.join([*cycle, cycle[0]])}")


class DuplicateModuleError(SdkError, ValueError):
    """Two of the given modules have the same name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"two modules are named {name!r}; a name can run only once")


class ModuleNotInstalledError(SdkError, LookupError):
    """No installed distribution offers a module of this name."""

    def __init__(self, name: str, available: list[str]) -> None:
        self.name = name
        self.available = available
        super().__init__(f"no module named {name!r} is installed; installed: {', '.join(available) or 'none'}")


class ModuleLoadError(SdkError, ImportError):
    """An entry point is there, but what it names cannot be imported or is not a module class."""

    def __init__(self, name: str, value: str, reason: str) -> None:
        super().__init__(f"module {name!r} ({value}) cannot be loaded: {reason}", name=name)
        self.value = value
        self.reason = reason


class ModuleNameMismatchError(SdkError, ValueError):
    """The entry point's key differs from the module's own name."""

    def __init__(self, key: str, found: str) -> None:
        self.key = key
        self.found = found
        super().__init__(f"the entry point {key!r} holds a module that calls itself {found!r}; the two must be equal")
