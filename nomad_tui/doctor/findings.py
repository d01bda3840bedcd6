"""The findings of the checks, and the overall verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Final, TypeAlias

from nomad_tui.core.objects.registry import KINDS

CHECKS: Final[tuple[str, ...]] = (
    "address",
    "name",
    "connect",
    "tls",
    "nomad",
    "release",
    "region",
    "leader",
    "publishing",
    "token",
    "namespaces",
    "topics",
    "lists",
    "stream",
    "buffer",
    "heartbeat",
    "clock",
)
"""All checks, in the order in which they run; `address` has a finding for each address."""


_ORDER: Final = {topic: place for place, topic in enumerate(KINDS)}


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    """It works, but there is something to know."""
    REFUSED = "refused"
    """The server refuses what was requested, for this token or for everybody."""
    BROKEN = "broken"
    SKIPPED = "skipped"
    """It could not be checked because of an earlier finding."""


class ExitCode(IntEnum):
    """2 is wrong usage, 130 an interrupt."""

    WELL = 0
    BROKEN = 1
    REFUSED = 3


Measured = Mapping[str, Any]
"""Values that JSON supports, by names that include the unit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. All texts are safe to display and contain no secret."""

    check: str
    """One of `CHECKS`."""
    verdict: Verdict
    sentence: str
    """Ends with a full stop."""
    remedy: str = ""
    """What to do, as a sentence; empty if nothing."""
    policy: str = ""
    """ACL policies (HCL) that would grant what was refused; empty if none would."""
    measured: Measured = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "verdict": str(self.verdict),
            "sentence": self.sentence,
            "remedy": self.remedy,
            "policy": self.policy,
            "measured": dict(self.measured),
        }


@dataclass(frozen=True, slots=True)
class Begun:
    """A check is running and may take a while."""

    check: str
    what: str
    """What it does or waits for, without a full stop."""


class Access(StrEnum):
    ALLOWED = "allowed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The server could not be asked."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Whether one topic may be read in one namespace."""

    topic: str
    namespace: str
    access: Access
    needed: str
    """The permission that a token needs: `read-job`, `a management token`."""


Item: TypeAlias = Begun | Cell | Finding


@dataclass(slots=True)
class Examination:
    """All results so far."""

    findings: list[Finding] = field(default_factory=list)
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    """By topic and namespace."""
    running: Begun | None = None
    """The running check, if it takes a while."""
    complete: bool = False

    def take(self, item: Item) -> None:
        match item:
            case Begun():
                self.running = item
            case Cell():
                self.cells.setdefault(item.topic, {})[item.namespace] = item
            case Finding():
                self.running = None
                self.findings.append(item)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; notes and skipped checks count as `OK`."""
        found = {finding.verdict for finding in self.findings}
        return next((worst for worst in (Verdict.BROKEN, Verdict.REFUSED) if worst in found), Verdict.OK)

    @property
    def exit_code(self) -> ExitCode:
        return {Verdict.BROKEN: ExitCode.BROKEN, Verdict.REFUSED: ExitCode.REFUSED}.get(self.verdict, ExitCode.WELL)

    @property
    def troubles(self) -> list[Finding]:
        """Broken checks, then refused ones."""
        return [
            finding
            for verdict in (Verdict.BROKEN, Verdict.REFUSED)
            for finding in self.findings
            if finding.verdict is verdict
        ]

    @property
    def notes(self) -> int:
        return sum(finding.verdict is Verdict.NOTE for finding in self.findings)

    @property
    def rows(self) -> list[tuple[str, dict[str, Cell]]]:
        """`cells` in the usual order of topics, not in the order of the answers."""
        return sorted(self.cells.items(), key=lambda row: (_ORDER.get(row[0], len(_ORDER)), row[0]))

    @property
    def namespaces(self) -> list[str]:
        """Namespaces with any result, in order of appearance."""
        return list(dict.fromkeys(namespace for cells in self.cells.values() for namespace in cells))

    @property
    def policy(self) -> str:
        return "\n\n".join(finding.policy for finding in self.findings if finding.policy)

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": str(self.verdict),
            "exit_code": int(self.exit_code),
            "checks": [finding.as_json() for finding in self.findings],
            "topics": {
                topic: {namespace: str(cell.access) for namespace, cell in cells.items()} for topic, cells in self.rows
            },
            "policy": self.policy,
        }
