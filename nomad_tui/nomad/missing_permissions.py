"""The sentence about what a token may not read, and the policy that would grant it."""

from collections.abc import Iterable, Sequence
from typing import Final

from nomad_tui.core.permissions import MANAGEMENT, Permissions, is_namespaced, needed, policy
from nomad_tui.core.topics import ALL
from nomad_tui.nomad import diagnose
from nomad_tui.nomad.cases import SET_TOKEN, Trouble, by_inquiry
from nomad_tui.nomad.questions import TokenInfo, TokenKind

LONGEST_POLICY: Final = 120
"""Characters of a policy that is shown within a sentence."""


def missing_permissions(permissions: Permissions, token: TokenInfo | None) -> Trouble:
    """Which topics may not be read where, what each needs, and as `Trouble.policy` what would grant it.

    `token` is who the server takes us for, None where it did not say. Something must be refused.
    """
    refused = permissions.refused
    granting = granting_policy(permissions)
    return diagnose.fill(
        by_inquiry.NOTHING_ALLOWED if permissions.nothing else by_inquiry.PARTLY_ALLOWED,
        holder=_capitalised(holder(token)),
        refused=_refused(refused, permissions.namespaces),
        remedy=_remedy(granting, token, needs_management=any(needed(name) == MANAGEMENT for name in refused)),
        policy=granting,
    )


def holder(token: TokenInfo | None) -> str:
    """The identity of the request in words: `the token 'ci' (policies read-jobs and ops)`."""
    if token is None:
        return "the token"
    if token.kind is TokenKind.DISABLED:
        return "anybody"
    if token.kind is TokenKind.ANONYMOUS:
        return "a request without a token (anonymous)"
    name = f"the token '{token.name}'" if token.name else "the token"
    if token.kind is TokenKind.MANAGEMENT:
        return f"{name} (management)"
    noun = "policy" if len(token.policies) == 1 else "policies"
    return f"{name} ({noun} {diagnose.listed(token.policies)})" if token.policies else f"{name} (without policies)"


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


def _refused(refused: dict[str, tuple[str, ...]], asked_in: Sequence[str]) -> str:
    """`Job and Service (need read-job in namespace web), Node (needs node:read)`."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, namespaces in refused.items():
        groups.setdefault((needed(name), namespaces if is_namespaced(name) else ()), []).append(name)
    refusals = []
    for (capability, namespaces), names in groups.items():
        needs = "needs" if len(names) == 1 else "need"
        refusals.append(f"{diagnose.listed(names)} ({needs} {capability}{_where(namespaces, asked_in)})")
    return " and ".join([", ".join(refusals[:-1]), refusals[-1]]) if len(refusals) > 1 else "".join(refusals)


def _where(namespaces: Iterable[str], asked_in: Sequence[str]) -> str:
    names = list(namespaces)
    if not names:
        return ""
    if names == [ALL]:
        return " in every namespace"
    if len(names) > 1 and len(names) == len(asked_in):
        return f" in each of the namespaces {diagnose.listed(names)}"
    return f" in namespace{'s' if len(names) > 1 else ''} {diagnose.listed(names)}"


def _remedy(granting: str, token: TokenInfo | None, needs_management: bool) -> str:
    fewer = "or subscribe to fewer topics (--topic)"
    if not granting:
        return f"{SET_TOKEN} a management token, {fewer}"
    in_a_line = " ".join(granting.split())
    shown = f"`{in_a_line}`" if len(in_a_line) <= LONGEST_POLICY else "the policy that `nomad-tui doctor` shows"
    grant = f"rant it {shown}"
    if token is not None and token.kind is TokenKind.ANONYMOUS:
        grant = f"rant {shown} with the policy `anonymous`"
    if needs_management:
        return f"{SET_TOKEN} a management token, g{grant} for the rest, {fewer}"
    return f"G{grant}, use a token that has it, {fewer}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
