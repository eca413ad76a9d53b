"""Era B: reset between videos, release at shutdown, cleanup is both."""

from sdk_parts import *  # noqa: F403
from sdk_parts import ModuleOfBothEras


class Module(ModuleOfBothEras):
    def reset(self):
        pass

    def release(self):
        pass

    def cleanup(self):
        self.reset()
        self.release()
