"""Topic `Operator`: no public release documents its object's key, so it is described by its scalars."""

from typing import Final

from nomad_tui.core.objects.kind import Kind


class OperatorKind(Kind):
    name = "Operator"
    capability = "operator:read"
    since = (1, 8, 0)  # 1.10.2 publicly; earlier Enterprise releases with long-term support may have it
    glyph = "◉"


OPERATOR: Final = OperatorKind()
