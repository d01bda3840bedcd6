"""What topic `Operator` sends: no public release says where its object stands, so its scalars tell it."""

from typing import Final

from nomad_tui.core.objects.kind import Kind


class OperatorKind(Kind):
    name = "Operator"
    capability = "operator:read"
    glyph = "◉"


OPERATOR: Final = OperatorKind()
