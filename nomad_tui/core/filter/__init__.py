"""The filter language: parses a filter to a value, and formats it as text.

A filter is parsed once. Its nodes then test events: `Word` and `InPayload` by their texts, `Field` by its values,
expressions by `compile_all`.
"""

from nomad_tui.core.filter.comparison import Comparison
from nomad_tui.core.filter.nodes import And, Each, Match, Node, Not, Or, compile_all
from nomad_tui.core.filter.parsing import LONGEST_FILTER, MAX_BRACKETS, Filter
from nomad_tui.core.filter.terms import FIELDS, Field, FieldDescription, InPayload, Kind, Operator, Word
from nomad_tui.core.filter.text import Glob, Text
from nomad_tui.core.filter.times import Age, Instant, Span
from nomad_tui.core.filter.writing import FilterError

__all__ = [
    "FIELDS",
    "LONGEST_FILTER",
    "MAX_BRACKETS",
    "Age",
    "And",
    "Comparison",
    "Each",
    "Field",
    "FieldDescription",
    "Filter",
    "FilterError",
    "Glob",
    "InPayload",
    "Instant",
    "Kind",
    "Match",
    "Node",
    "Not",
    "Operator",
    "Or",
    "Span",
    "Text",
    "Word",
    "compile_all",
]
