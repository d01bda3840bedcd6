"""What the checks say, and what follows from all of it together."""

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
"""Every check, in the order in which they run; `address` is found once for each address."""


_PLACES: Final = {topic: place for place, topic in enumerate(KINDS)}


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    """It works, and there is something to know."""
    REFUSED = "refused"
    """The server does not give what was asked for, to this token or at all."""
    BROKEN = "broken"
    SKIPPED = "skipped"
    """It could not be checked, because of something found before."""


class ExitCode(IntEnum):
    """2 is wrong usage, 130 an interrupt."""

    WELL = 0
    BROKEN = 1
    REFUSED = 3


Measured = Mapping[str, Any]
"""Values by names that hold their unit, as JSON takes them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. All texts are fit to be drawn; none holds a secret."""

    check: str
    """One of `CHECKS`."""
    verdict: Verdict
    sentence: str
    """Ends with a full stop."""
    remedy: str = ""
    """What to do now, a sentence; empty where nothing is to be done."""
    policy: str = ""
    """ACL policies (HCL) that would grant what was refused; empty where none would."""
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
    """A check is under way and may take a while."""

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
    """What a token needs for it: `read-job`, `a management token`."""


Item: TypeAlias = Begun | Cell | Finding


@dataclass(slots=True)
class Examination:
    """All that was found so far, item by item."""

    findings: list[Finding] = field(default_factory=list)
    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)
    """By topic and namespace."""
    running: Begun | None = None
    """The check that is under way, where that takes a while."""
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
        """The worst of all, where a note is no trouble: `OK`, `REFUSED` or `BROKEN`."""
        found = {finding.verdict for finding in self.findings}
        return next((worst for worst in (Verdict.BROKEN, Verdict.REFUSED) if worst in found), Verdict.OK)

    @property
    def exit_code(self) -> ExitCode:
        return {Verdict.BROKEN: ExitCode.BROKEN, Verdict.REFUSED: ExitCode.REFUSED}.get(self.verdict, ExitCode.WELL)

    @property
    def troubles(self) -> list[Finding]:
        """What is broken, then what is refused."""
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
        """`cells` in the order in which topics are always listed, not in the order of the answers."""
        return sorted(self.cells.items(), key=lambda row: (_PLACES.get(row[0], len(_PLACES)), row[0]))

    @property
    def namespaces(self) -> list[str]:
        """Those in which any topic was asked for, in the order they were first."""
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
