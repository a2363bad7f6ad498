"""Profiles of hypothesis: 1,000 examples per property in CI, 200 at home, 20,000 with the profile nightly.

Properties of the modules in `COSTLY` look at each example in dozens of ways and get a fifth of that.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

# An example may be the first to build a vocabulary or the pattern of the registry, which is slow once and not again
_ANY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("ci", max_examples=1_000, derandomize=True, print_blob=True, **_ANY)
settings.register_profile("local", max_examples=200, **_ANY)
settings.register_profile("nightly", max_examples=20_000, **_ANY)
settings.register_profile("quick", max_examples=50, **_ANY)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")

_NAMES = """
    test_baseline test_budgets test_cache test_conversation test_costs
    test_engine test_fixes test_hardened test_load_models test_message_rules
    test_promptfile_formats test_raw_rules test_reporters test_stream_sanitizer test_strip
    test_text_rules test_usage
"""
COSTLY = frozenset(_NAMES.split())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give costly properties fewer examples, but for those that say themselves how many they need."""
    functions = {item.function for item in items if isinstance(item, pytest.Function)}
    for function in functions:
        has_its_own = hasattr(function, "_hypothesis_internal_settings_applied")
        if function.__module__ in COSTLY and is_hypothesis_test(function) and not has_its_own:
            settings(max_examples=max(settings().max_examples // 5, 40))(function)
