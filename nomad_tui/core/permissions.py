"""Which permissions a topic requires, and which parts of a subscription a token may read.

A server checks all topics of a request together and reports neither which of them it refuses nor why (`nomad/stream/
event_broker.go`), so the permissions here were determined by requesting each topic alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from nomad_tui.core.objects.registry import kind
from nomad_tui.core.topics import ALL

MANAGEMENT: Final = "a management token"
NAMESPACED: Final = "namespace "
"""Prefix of capabilities that are granted per namespace."""
ANY_VARIABLE: Final = "any variables capability"
SHOWN_NAMESPACE: Final = "default"
"""The namespace in a suggested policy if none was named: it always exists."""


def is_namespaced(name: str) -> bool:
    """Whether permission for a topic depends on the namespace; `name` is the released name."""
    capability = kind(name).capability
    return capability.startswith(NAMESPACED) or capability == ANY_VARIABLE


def needed(name: str) -> str:
    """The capability that a topic requires: `read-job`, `node:read`, `a management token`."""
    capability = kind(name).capability
    return MANAGEMENT if capability == "management" else capability.removeprefix(NAMESPACED)


def policy(names: Iterable[str], namespaces: Sequence[str]) -> str:
    """An ACL policy (HCL) that grants the topics in the namespaces; empty if only a management token can.

    `namespaces` may be `*`. Topics that no policy can grant are omitted. The only text quoted from a server is the
    names of namespaces, which Nomad restricts to letters, digits and dashes; other names are omitted.
    """
    wanted = list(dict.fromkeys(names))
    capabilities = sorted({needed(name) for name in wanted if is_namespaced(name) and needed(name) != ANY_VARIABLE})
    variables = any(needed(name) == ANY_VARIABLE for name in wanted)
    rules: list[str] = []
    if capabilities or variables:
        for namespace in [each for each in namespaces if _is_name(each)] or [SHOWN_NAMESPACE]:
            lines = []
            if capabilities:
                quoted = ", ".join(f'"{each}"' for each in capabilities)
                lines.append(f"  capabilities = [{quoted}]")
            if variables:
                lines += ["  variables {", '    path "*" {', '      capabilities = ["list"]', "    }", "  }"]
            rules.append("\n".join([f'namespace "{namespace}" {{', *lines, "}"]))
    for capability in sorted({needed(name) for name in wanted}):
        section, colon, level = capability.partition(":")
        if colon:
            rules.append(f'{section} {{\n  policy = "{level}"\n}}')
    return "\n\n".join(rules)


def _is_name(namespace: str) -> bool:
    return namespace == ALL or (namespace.isascii() and namespace.replace("-", "").isalnum() and len(namespace) <= 128)


class Permissions(msgspec.Struct, frozen=True):
    """Which topics a token may read in which namespaces."""

    namespaces: tuple[str, ...]
    """The namespaces checked; `*` alone where one subscription covers all of them."""
    allowed: Mapping[str, frozenset[str]]
    """For each topic, by released name, the subset of `namespaces` in which it may be read. A topic without a namespace
    is allowed in all or in none."""

    @property
    def refused(self) -> dict[str, tuple[str, ...]]:
        """For each topic that is not readable everywhere, the namespaces in which it is refused."""
        return {
            name: tuple(each for each in self.namespaces if each not in granted)
            for name, granted in self.allowed.items()
            if not granted.issuperset(self.namespaces)
        }

    @property
    def refused_everywhere(self) -> tuple[str, ...]:
        return tuple(name for name, granted in self.allowed.items() if not granted)

    def topics_in(self, namespace: str) -> frozenset[str]:
        return frozenset(name for name, granted in self.allowed.items() if namespace in granted)

    @property
    def everything(self) -> bool:
        return not self.refused

    @property
    def nothing(self) -> bool:
        return not any(self.allowed.values())


def granting_policy(permissions: Permissions) -> str:
    """An ACL policy that grants what is refused; empty if only a management token can.

    Each namespace has a rule of its own; rules that apply to no namespace come last.
    """
    refused = permissions.refused
    lacked = {
        namespace: tuple(name for name, places in refused.items() if is_namespaced(name) and namespace in places)
        for namespace in permissions.namespaces
    }
    rules = [policy(names, (namespace,)) for namespace, names in lacked.items() if names]
    rules.append(policy([name for name in refused if not is_namespaced(name)], ()))
    return "\n\n".join(filter(None, rules))
