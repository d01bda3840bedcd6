"""What in a payload is a secret, and the same payload without it.

Nomad sends environments, tokens and driver configuration in clear. A value is a secret by the key it is under,
by what is beside it, or by its own form, such as a password in a URL. Everything that leaves a payload for the
screen, the clipboard, a file or a sink asks here.
"""

from nomad_tui.core.payload.rows import Path
from nomad_tui.core.secrets.forms import MASK, REDACTED, is_secret, names_secret, secret_beside, secret_items
from nomad_tui.core.secrets.masking import can_hide, masked, masked_text
from nomad_tui.core.secrets.redaction import redact


class Masking:
    """Every secret of the event is masked, except the one the operator revealed."""

    def __init__(self, reveals_all: bool = False) -> None:
        self.reveals_all = reveals_all
        """No secret is masked, because the operator asked for that (`--reveal`)."""
        self.revealed: Path | None = None
        """The one secret that is shown until the selection moves, with everything beneath it."""

    def shows(self, path: Path) -> bool:
        """Whether the secret at a path is shown."""
        return self.reveals_all or (self.revealed is not None and path[: len(self.revealed)] == self.revealed)


__all__ = [
    "MASK",
    "REDACTED",
    "Masking",
    "can_hide",
    "is_secret",
    "masked",
    "masked_text",
    "names_secret",
    "redact",
    "secret_beside",
    "secret_items",
]
