"""Topic `Operator`: no public release documents the key of its object, so its scalars describe it."""

from typing import Final

from nomad_tui.core.objects.kind import Kind


class OperatorKind(Kind):
    name = "Operator"
    capability = "operator:read"
    since = (1, 8, 0)  # 1.10.2 in public; Enterprise may have it in earlier releases with long support
    glyph = "◉"


OPERATOR: Final = OperatorKind()
