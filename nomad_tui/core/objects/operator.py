"""Topic `Operator`: no public release documents the key of its object, so its scalars describe it."""

from typing import Final

from nomad_tui.core.objects.kind import Kind


class OperatorKind(Kind):
    name = "Operator"
    capability = "operator:read"
    glyph = "◉"


OPERATOR: Final = OperatorKind()
