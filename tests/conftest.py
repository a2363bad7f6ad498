"""Profiles of hypothesis: 1,000 examples per property in CI, 200 at home, 20,000 with the profile nightly."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# An example may be the first to build a vocabulary or the pattern of the registry, which is slow once and not again
_ANY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("ci", max_examples=1_000, derandomize=True, print_blob=True, **_ANY)
settings.register_profile("local", max_examples=200, **_ANY)
settings.register_profile("nightly", max_examples=20_000, **_ANY)
settings.register_profile("quick", max_examples=50, **_ANY)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")
