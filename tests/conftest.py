"""Settings of every test: properties have no deadline, as a busy machine may stall any example."""

from hypothesis import settings

settings.register_profile("sloburn", deadline=None)
settings.load_profile("sloburn")
