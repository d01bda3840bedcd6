"""Options that select the events to read, keep and show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from nomad_tui.cli.options import ByteSize, Since, index_option, live_option, max_line_option, together, topic_option
from nomad_tui.core.limits import DEFAULT_MAX_BYTES, DEFAULT_MAX_EVENTS

if TYPE_CHECKING:
    from nomad_tui.core.filter import Filter, FilterError


class FilterText(click.ParamType["Filter"]):
    """A filter. An error message marks the mistake."""

    name = "filter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Filter:
        from nomad_tui.core.filter import Filter, FilterError

        if isinstance(value, Filter):
            return value
        text = str(value)
        try:
            return Filter.parse(text)
        except FilterError as error:
            self.fail(f"{error.text}\n{_excerpt(text, error)}", param, ctx)


EXCERPT_WIDTH: Final = 76
"""Cells of a filter that an error message quotes."""


def _excerpt(text: str, error: FilterError) -> str:
    """The part of the text with the mistake, and a line that marks its position."""
    from rich.cells import cell_len

    start = max(0, error.position - EXCERPT_WIDTH // 2)
    shown = "".join(character if character.isprintable() else " " for character in text[start:][:EXCERPT_WIDTH])
    before = "".join(shown[: error.position - start])
    mark = "^" * max(1, cell_len(shown[len(before) :][: error.length]))
    return f"  {shown}\n  {' ' * cell_len(before)}{mark}"


history_options = together(
    max_line_option,
    click.option(
        "--max-memory",
        type=ByteSize(1024 * 1024),
        default=DEFAULT_MAX_BYTES,
        metavar="SIZE",
        help="Memory for the events held. Default: 512MiB.",
    ),
    click.option(
        "--max-events",
        type=click.IntRange(min=16),
        default=DEFAULT_MAX_EVENTS,
        metavar="EVENTS",
        help="Events held. Default: 1,000,000.",
    ),
)
"""The limits of the history."""


stream_options = together(
    index_option,
    live_option,
    click.option("--since", type=Since(), metavar="DURATION", help="Start this long ago, such as 10m."),
    topic_option,
)
"""Topics and the start."""


filter_option = click.option(
    "--filter",
    "chosen",
    type=FilterText(),
    metavar="FILTER",
    help="Only events that match; see `nomad-tui help filter`.",
)


reveal_option = click.option("--reveal", is_flag=True, help="Show secrets in payloads; masked by default.")
