"""Bugs of Nomad's servers that event readers can trigger or need to know, by release.

From Nomad's changelog and issues. A pre-release is named after its final release: a build that is not final
(`1.11.1-dev`, `1.11.0-rc.1`) is part of a range if its number is, but never counts as the release that fixed something.
"""

import re
from collections.abc import Iterable
from typing import Final, Self

import msgspec

Number = tuple[int, int, int]
Range = tuple[Number, Number]
"""The first affected release, and the first fixed one."""

_RELEASE: Final = re.compile(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})((?!\d)[^+]*)(?:\+.*)?", re.ASCII | re.DOTALL)


class Release(msgspec.Struct, frozen=True):
    """A release as reported by a server: `1.11.1`, `1.10.7+ent`, `2.0.6-dev`, `1.11.0-rc.1`."""

    number: Number
    is_final: bool
    """False for betas, candidates, development builds, and any other suffix except metadata (`+ent`)."""

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parse a release; None if the text is not one."""
        match = _RELEASE.fullmatch((text or "").strip())
        if match is None:
            return None
        return cls((int(match[1]), int(match[2]), int(match[3])), not match[4])

    def is_in(self, ranges: Iterable[Range]) -> bool:
        return any(
            first <= self.number and (self.number < fixed or (self.number == fixed and not self.is_final))
            for first, fixed in ranges
        )


class ServerBug(msgspec.Struct, frozen=True):
    name: str
    """Identifier in the doctor's JSON."""
    ranges: tuple[Range, ...]
    effect: str
    """What it does, as a sentence without a full stop."""
    handling: str
    """How nomad-tui handles it, or what the operator can do, as a sentence."""
    issue: str = ""
    """Such as `nomad#26766`."""
    topics: frozenset[str] = frozenset()
    """Topics whose events trigger it when read."""
    is_harmful: bool = True
    """Whether it is a bug, rather than a mere difference between releases."""

    def affects(self, release: Release) -> bool:
        return release.is_in(self.ranges)

    @property
    def sentence(self) -> str:
        return f"{self.effect}{f' ({self.issue})' if self.issue else ''}. {self.handling}"

    @property
    def fixed_in(self) -> tuple[str, ...]:
        return tuple(".".join(map(str, fixed)) for _, fixed in self.ranges)


_BEFORE_QUIET_REFUSALS: Final[tuple[Range, ...]] = (
    ((1, 0, 0), (1, 8, 20)),
    ((1, 9, 0), (1, 10, 8)),
    ((1, 11, 0), (1, 11, 2)),
)
"""The event endpoint was rewritten in 1.8.20, 1.10.8 and 1.11.2; 1.9 never got it."""

CSI_SECRETS_BY_STREAM: Final = ServerBug(
    "csi-secrets-by-stream",
    (((1, 10, 0), (1, 10, 7)), ((1, 11, 0), (1, 11, 1))),
    "Reading CSIVolume events can erase the secrets of CSI volumes",
    "nomad-tui does not subscribe to CSIVolume there, unless --allow-harmful-topics is given.",
    "nomad#26766, nomad#27176",
    topics=frozenset(("CSIVolume",)),
)
CSI_SECRETS_BY_API: Final = ServerBug(
    "csi-secrets-by-api",
    (((1, 3, 0), (1, 8, 19)), ((1, 9, 0), (1, 10, 7)), ((1, 11, 0), (1, 11, 1))),
    "Reading a CSI volume through the HTTP API can erase its secrets",
    "nomad-tui never does; beware of `nomad volume status`, and re-register a volume that lost them.",
    "nomad#26766, nomad#27176",
)
SLOW_READERS: Final = ServerBug(
    "memory-for-slow-readers",
    _BEFORE_QUIET_REFUSALS,
    "The server keeps memory for slow readers",
    "nomad-tui keeps reading while its output stalls, and disconnects rather than wait.",
    "nomad#27397",
)
CLOSED_SUBSCRIPTIONS: Final = ServerBug(
    "memory-for-closed-subscriptions",
    _BEFORE_QUIET_REFUSALS,
    "The server leaks a little memory for each subscription that it ends",
    "Avoid clients that reconnect in a loop.",
    "nomad#27312",
)
INVALID_STATUS_LINE: Final = ServerBug(
    "invalid-status-line",
    (((1, 8, 20), (1, 8, 21)), ((1, 10, 8), (1, 10, 9)), ((1, 11, 2), (1, 11, 3))),
    "The event stream has the invalid status line HTTP/0.0",
    "nomad-tui accepts it.",
    "nomad#27582",
)
NO_FIRST_HEARTBEAT: Final = ServerBug(
    "no-first-heartbeat",
    (((1, 0, 0), (1, 0, 7)), ((1, 1, 0), (1, 1, 1))),
    "The server sends nothing, not even a status line, until the first event or heartbeat, up to 30 s",
    "nomad-tui waits for it.",
    "nomad#10637",
)
REFUSALS_IN_WORDS: Final = ServerBug(
    "refusals-in-words",
    _BEFORE_QUIET_REFUSALS,
    "The server refuses a subscription with status 403 or 500, and ends streams with a line of text",
    "nomad-tui handles both; later releases answer 200 and send nothing.",
    is_harmful=False,
)
NO_VARIABLE_TOPIC: Final = ServerBug(
    "no-variable-topic",
    (((1, 0, 0), (1, 11, 4)),),
    "The server has no Variable topic",
    "It was added in 2.0.",
    "nomad#27637",
    is_harmful=False,
)
NAMESPACES_NOT_CHECKED: Final = ServerBug(
    "namespaces-not-checked",
    (((1, 0, 0), (1, 7, 18)), ((1, 8, 0), (1, 8, 10)), ((1, 9, 0), (1, 9, 6))),
    "A token that may read one namespace gets the events of all of them from a stream for namespace *",
    "Upgrade the servers (CVE-2025-0937).",
    "nomad#25089",
)
CLIENT_SECRETS: Final = ServerBug(
    "oidc-client-secrets",
    (((1, 5, 0), (1, 7, 19)), ((1, 8, 0), (1, 8, 11)), ((1, 9, 0), (1, 9, 7))),
    "ACLAuthMethod events hold the OIDC client secret",
    "nomad-tui masks it; do not share recordings, and upgrade the servers (CVE-2025-1296).",
    "nomad#25328",
)
NO_WORKLOAD_IDENTITIES: Final = ServerBug(
    "no-workload-identities",
    (((1, 0, 0), (1, 7, 18)), ((1, 8, 0), (1, 8, 10)), ((1, 9, 0), (1, 9, 6))),
    "The event stream does not accept workload identities",
    "Use an ACL token.",
    "nomad#24849",
    is_harmful=False,
)
UNDEFINED_POLICIES: Final = ServerBug(
    "undefined-policies",
    (((1, 0, 0), (1, 3, 10)), ((1, 4, 0), (1, 4, 5))),
    "A token with a policy that does not exist is refused the event stream",
    "Create the policy, or remove it from the token.",
    "nomad#15495",
)
MISSING_PORTS: Final = ServerBug(
    "missing-dynamic-ports",
    (((1, 0, 0), (1, 2, 15)), ((1, 3, 0), (1, 3, 8)), ((1, 4, 0), (1, 4, 3))),
    "Allocation events lack the values of dynamic ports",
    "Run `nomad alloc status ID` to see them.",
    "nomad#12916",
)
EXPIRED_TOKENS: Final = ServerBug(
    "expired-tokens",
    (((1, 4, 0), (1, 4, 2)),),
    "A stream continues after its token has expired",
    "Upgrade the servers.",
    "nomad#15013",
)
NO_ACL_EVENTS: Final = ServerBug(
    "no-acl-events",
    (((1, 0, 0), (1, 0, 1)),),
    "No events of the topics ACLToken and ACLPolicy are sent",
    "Upgrade the servers.",
    "nomad#9595",
)
SERVER_BUGS: Final[tuple[ServerBug, ...]] = (
    CSI_SECRETS_BY_STREAM,
    CSI_SECRETS_BY_API,
    NAMESPACES_NOT_CHECKED,
    CLIENT_SECRETS,
    SLOW_READERS,
    CLOSED_SUBSCRIPTIONS,
    EXPIRED_TOKENS,
    UNDEFINED_POLICIES,
    MISSING_PORTS,
    NO_ACL_EVENTS,
    NO_FIRST_HEARTBEAT,
    INVALID_STATUS_LINE,
    NO_WORKLOAD_IDENTITIES,
    REFUSALS_IN_WORDS,
    NO_VARIABLE_TOPIC,
)
"""The most harmful first."""

HARMFUL_TOPICS: Final = frozenset().union(*(bug.topics for bug in SERVER_BUGS))
"""Topics that harm servers of some release when read."""


def refuses_quietly(release: Release) -> bool:
    """Whether it refuses with status 200 and silence, rather than with an error status."""
    return not REFUSALS_IN_WORDS.affects(release) and release.number >= (1, 0, 0)


def is_ruled_out_by_quiet_refusal(bug: ServerBug) -> bool:
    """Whether no release that refuses quietly has the bug."""
    return all(
        any(before <= first and fixed <= after for before, after in _BEFORE_QUIET_REFUSALS)
        for first, fixed in bug.ranges
    )
