"""Everything that is not as it should be while the stream goes on, in full, with what mends it."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nomad_tui.core.permissions import MANAGEMENT, Permissions
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Concern, Warned
from nomad_tui.session import Status
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.facets.refusals import SET_TOKEN, grant, lacking

ORDER: Final = (
    Concern.RECORDING,
    Concern.LEADER,
    Concern.HARM,
    Concern.NAMESPACE,
    Concern.TOPIC,
    Concern.PERMISSION,
    Concern.BUFFERED,
    Concern.CLOCK,
    Concern.SETTINGS,
)
"""What may hide the most events first."""
LONGEST: Final = 4_000
"""Characters of one part of a warning."""


def in_order(warnings: Mapping[Concern, Warned]) -> list[Warned]:
    """The warnings, the most important first."""
    return [warnings[concern] for concern in sorted(warnings, key=ORDER.index)]


class WarningList(Modal[None]):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.WARNINGS)

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status

    def compose(self) -> ComposeResult:
        parts = list(self._parts())
        with VerticalScroll(id="warnings") as box:
            box.border_title = Content("Warnings")
            box.border_subtitle = Content("Esc closes")
            yield from map(Static, parts or [Content("No warnings.")])

    def _parts(self) -> Iterator[Content]:
        status = self._status
        for warned in in_order(status.warnings):
            # What is refused, and what grants it, stands below as a list.
            remedy = "" if warned.concern is Concern.PERMISSION and status.permissions is not None else warned.remedy
            yield Content.from_markup(
                "[$warning]▲[/] [b]$what[/]$remedy",
                what=printable(warned.what, LONGEST),
                remedy=printable(remedy, LONGEST) and f"\n{printable(remedy, LONGEST)}",
            )
        if status.permissions is not None:
            yield from _refusals(status.permissions)


def _refusals(permissions: Permissions) -> Iterator[Content]:
    refused = permissions.refused
    needs = lacking(refused, permissions)
    rows = [
        Content.from_markup("[$quiet]needs $need[/]\n  $topics", need=printable(need), topics=", ".join(topics))
        for need, topics in needs.items()
    ]
    yield Content.from_markup("[b]What the token may not read[/]\n") + Content("\n").join(rows)
    text = grant(refused, permissions)
    if text:
        yield Content.from_markup(
            "[b]What grants it[/] [$quiet]added to a policy of the token; then press r[/]\n$policy", policy=text
        )
    if MANAGEMENT in needs:
        yield Content(f"{SET_TOKEN} {MANAGEMENT} for the topics that no policy grants.")
