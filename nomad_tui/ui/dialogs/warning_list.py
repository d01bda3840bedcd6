"""The page of `W`: every warning with its remedy, and what the token may not read."""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from textual.binding import BindingType

from nomad_tui.core.permissions import MANAGEMENT, Permissions
from nomad_tui.core.updates import Concern
from nomad_tui.session import Status
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.text_page import TextPage, paragraph
from nomad_tui.ui.event.text_viewer import Pieces
from nomad_tui.ui.facets.refusals import SET_TOKEN, grant, lacking
from nomad_tui.ui.status import in_order

LONGEST: Final = 4_000
"""Characters of one part of a warning."""


class WarningList(TextPage):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.WARNINGS)
    FRAME = "warnings"

    def __init__(self, status: Status) -> None:
        super().__init__("Warnings")
        self._status = status

    def lines(self, width: int) -> Iterable[Pieces]:
        status = self._status
        if not status.warnings and status.permissions is None:
            yield (("", "No warnings."),)
        for warned in in_order(status.warnings):
            first, *rest = paragraph(warned.what[:LONGEST], width - 2, "strong") or [()]
            yield ("warn", "▲ "), *first
            yield from (((("", "  "), *line)) for line in rest)
            if warned.concern is not Concern.PERMISSION or status.permissions is None:  # else the list below says it
                yield from paragraph(warned.remedy[:LONGEST], width, indent="  ")
            yield ()
        if status.permissions is not None:
            yield from _refusals(status.permissions, width)


def _refusals(permissions: Permissions, width: int) -> Iterator[Pieces]:
    needs = lacking(permissions.refused, permissions)
    yield (("strong", "Not readable with this token"),)
    for need, topics in needs.items():
        yield from paragraph(f"needs {need}", width, "quiet")
        yield from paragraph(", ".join(topics), width, indent="  ")
    if policy := grant(permissions.refused, permissions):
        yield ()
        yield ("strong", "Policy that grants it  "), ("quiet", "add it to a policy of the token, then press r")
        yield from paragraph(policy, width)
    if MANAGEMENT in needs:
        yield ()
        yield from paragraph(f"{SET_TOKEN} {MANAGEMENT} for the topics that no policy grants.", width)
