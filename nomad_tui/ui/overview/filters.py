"""The filter for what needs attention."""

from nomad_tui.core.filter import Filter
from nomad_tui.core.overview.state import Trouble
from nomad_tui.core.search.facets import only


def filter_of(one: Trouble) -> str:
    """Shows the events of a job, a group or a node."""
    named = [("node", one.name)] if one.kind == "node" else [("job", one.of)]
    named += [(field, value) for field, value in (("ns", one.namespace), ("group", one.group)) if value]
    chosen = Filter()
    for field, value in named:
        chosen = only(chosen, field, value)
    return str(chosen)
