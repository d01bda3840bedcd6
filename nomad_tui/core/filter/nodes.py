"""What a filter is made of."""

from typing import TypeAlias

from nomad_tui.core.filter.combine import And, Not, Or
from nomad_tui.core.filter.expression import Each, Match
from nomad_tui.core.filter.terms import Field, InPayload, Word

Node: TypeAlias = And | Or | Not | Word | InPayload | Field | Match | Each
