"""For every test: hypothesis without a clock (the machine may be busy) and without a memory (runs repeat)."""

from hypothesis import settings

settings.register_profile("afmbatch", deadline=None, derandomize=True, database=None)
settings.load_profile("afmbatch")
