"""What a token must be granted to read a topic, and what of a subscription it may read.

A server checks the topics of a request together and says neither which of them it refuses nor why (`nomad/stream/
event_broker.go`), so what is known here was asked for topic by topic.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from nomad_tui.core.objects.registry import kind
from nomad_tui.core.topics import ALL

MANAGEMENT: Final = "a management token"
NAMESPACED: Final = "namespace "
"""How the capability of a topic begins that is granted per namespace."""
ANY_VARIABLE: Final = "any variables capability"
SHOWN_NAMESPACE: Final = "default"
"""What a policy is shown for where nobody has named a namespace: it is the one that always exists."""


def is_namespaced(name: str) -> bool:
    """Whether permission for a topic depends on the namespace; `name` as released."""
    capability = kind(name).capability
    return capability.startswith(NAMESPACED) or capability == ANY_VARIABLE


def needed(name: str) -> str:
    """What a token needs for a topic, in a few words: `read-job`, `node:read`, `a management token`."""
    capability = kind(name).capability
    return MANAGEMENT if capability == "management" else capability.removeprefix(NAMESPACED)


def policy(names: Iterable[str], namespaces: Sequence[str]) -> str:
    """An ACL policy (HCL) that grants the topics in the namespaces; empty if only a management token can.

    `namespaces` may be `*`. Topics that no policy grants are left out. Nothing in it is quoted from a server but
    the names of namespaces, which Nomad restricts to letters, digits and dashes; anything else is left out.
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
    """Which topics may be read in which namespaces."""

    namespaces: tuple[str, ...]
    """Those that were asked about; `*` alone where one subscription covers all of them."""
    allowed: Mapping[str, frozenset[str]]
    """By topic, as released, the namespaces of `namespaces` in which it may be read; empty for nowhere. A topic
    that belongs to no namespace is allowed in all or in none."""

    @property
    def refused(self) -> dict[str, tuple[str, ...]]:
        """By topic the namespaces in which it may not be read; topics that may be read everywhere are not in it."""
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
    """An ACL policy that grants what is refused; empty where only a management token could.

    Namespaces that lack the same are grouped; what belongs to no namespace comes last.
    """
    refused = permissions.refused
    lacked = {
        namespace: tuple(name for name, places in refused.items() if is_namespaced(name) and namespace in places)
        for namespace in permissions.namespaces
    }
    rules = [policy(names, (namespace,)) for namespace, names in lacked.items() if names]
    rules.append(policy([name for name in refused if not is_namespaced(name)], ()))
    return "\n\n".join(filter(None, rules))
