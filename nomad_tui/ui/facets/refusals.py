"""Explains topics that the token may not read: a note in Facets, and a policy that grants them."""

from collections.abc import Iterable, Sequence
from typing import Final

from nomad_tui.core.permissions import ANY_VARIABLE, MANAGEMENT, Permissions, granting_policy, is_namespaced, needed
from nomad_tui.core.readable import enumerated
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Concern
from nomad_tui.session import Status

_SHORT: Final = {MANAGEMENT: "management", ANY_VARIABLE: "variables"}
"""Shorter names for a narrow pane."""
SET_TOKEN: Final = "Set NOMAD_TOKEN (or --token, --token-file) to"


def need_note(topic: str, width: int) -> str:
    """`needs node:read`, shortened to `width` cells."""
    need = needed(topic)
    short = _SHORT.get(need, need)
    return next(
        (text for text in (f"needs {need}", f"needs {short}", short) if len(text) <= width), printable(short, width)
    )


def places_note(namespaces: Sequence[str], width: int) -> str:
    """`not in: dev, web`; namespaces that do not fit are counted: `not in: dev, +3`."""
    for listed in range(len(namespaces), 0, -1):
        rest = len(namespaces) - listed
        text = "not in: " + ", ".join([*map(printable, namespaces[:listed]), *([f"+{rest}"] if rest else [])])
        if len(text) <= width:
            return text
    return printable("not in: " + ", ".join(namespaces), width)


def lacking(topics: Iterable[str], permissions: Permissions) -> dict[str, list[str]]:
    """The topics by what they need, such as `read-job in dev and web`; a management token comes last."""
    found: dict[str, list[str]] = {}
    for topic in topics:
        namespaces = permissions.refused.get(topic, ())
        where = ""
        if is_namespaced(topic) and namespaces:
            where = " in every namespace" if namespaces == ("*",) else f" in {enumerated(namespaces)}"
        found.setdefault(needed(topic) + where, []).append(topic)
    return dict(sorted(found.items(), key=lambda each: each[0] == MANAGEMENT))


def grant(topics: Iterable[str], permissions: Permissions) -> str:
    """The policy (HCL) that grants `topics` where they are refused; empty if only a management token can."""
    allowed = {topic: permissions.allowed[topic] for topic in topics if topic in permissions.allowed}
    return granting_policy(Permissions(permissions.namespaces, allowed))


def explain_refusal(topics: Sequence[str], status: Status) -> tuple[str, str] | None:
    """A title, and why events of `topics` do not arrive; None if nothing is refused."""
    harm = status.warnings.get(Concern.HARM)
    if harm is not None and not frozenset(status.harmful_topics).isdisjoint(topics):
        return "Not subscribed to", f"{harm.what} {harm.remedy}"
    if status.permissions is not None:
        return "Not allowed", explanation(topics, status.permissions)
    return None


def explanation(topics: Sequence[str], permissions: Permissions) -> str:
    """What the token lacks for `topics`, and what grants it."""
    text = grant(topics, permissions)
    sentences = []
    for need, names in lacking(topics, permissions).items():
        verb = "needs" if len(names) == 1 else "need"
        sentences.append(
            f"{enumerated(names)} {verb} {need}{', which no policy grants' if need == MANAGEMENT else ''}."
        )
    if not text:
        return f"{' '.join(sentences)} {SET_TOKEN} one, and press r."
    return f"{' '.join(sentences)} Add this to a policy of the token, and press r:\n\n{text}"
