"""What is to be done with text of others that spells a special token, by role and field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from chatml._errors import ConfigError, shown
from chatml._messages import ROLE_PATTERN

Policy: TypeAlias = Literal["escape", "reject", "strip"]
Untrusted: TypeAlias = Policy | Mapping[str, Policy]

POLICIES = ("escape", "reject", "strip")
_FIELDS = ("content", "reasoning", "refusal", "tool_calls", "extra")
_is_key = re.compile(rf"(?:\*|{ROLE_PATTERN})(?:\.(?:{'|'.join(_FIELDS)}))?").fullmatch


def check_policy(policy: object, option: str) -> Policy:
    """Raise `ConfigError` unless `policy` is one."""
    if not isinstance(policy, str) or policy not in POLICIES:
        raise ConfigError(f"found {shown(policy)}, expected 'escape', 'reject' or 'strip'", option=option)
    return cast(Policy, policy)


def read_policies(untrusted: Untrusted) -> Mapping[str, Policy]:
    """One policy for all, or by "role", "role.field", "*.field" and "*", as a mapping. Raises `ConfigError`."""
    if not isinstance(untrusted, Mapping):
        return {"*": check_policy(untrusted, "untrusted")}
    for key in untrusted:
        if not isinstance(key, str) or not _is_key(key):  # such a key would never count
            expected = f"expected a role, *, or one of them with .{', .'.join(_FIELDS[:-1])} or .{_FIELDS[-1]}"
            raise ConfigError(f"found the key {shown(key)}, {expected}", option="untrusted")
    return {key: check_policy(policy, f"untrusted[{key!r}]") for key, policy in untrusted.items()}


def policy_for(policies: Mapping[str, Policy], role: str | None, field: str) -> Policy:
    """The policy for a field of a message: that of role and field, field, role, or all; by default to escape."""
    for key in (f"{role}.{field}", f"*.{field}", str(role), "*"):
        if key in policies:
            return policies[key]
    return "escape"
