"""What holds for every test: examples may take their time, as the machine is shared with other tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
