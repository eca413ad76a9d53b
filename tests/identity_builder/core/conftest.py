"""Property tests of the core: few examples, no time limit per example (a busy machine is no bug)."""

from hypothesis import settings

settings.register_profile("core", deadline=None, max_examples=50)
settings.load_profile("core")
