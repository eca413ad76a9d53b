"""Era A: the lifecycle ends with cleanup; reset and release are unknown."""

from sdk_parts import *  # noqa: F403
from sdk_parts import ModuleOfBothEras


class Module(ModuleOfBothEras):
    def cleanup(self):
        pass
