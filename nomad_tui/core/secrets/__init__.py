"""Recognizes secrets in payloads, and removes them.

Nomad sends environments, tokens and driver configuration in clear text. A value is secret because of its key, its
neighbours, or its own form, such as a password in a URL. Every payload that goes to the screen, the clipboard, a file
or a sink is processed here.
"""

from nomad_tui.core.payload.rows import Path
from nomad_tui.core.secrets.forms import MASK, REDACTED, is_secret, names_secret, secret_beside, secret_items
from nomad_tui.core.secrets.masking import can_hide, masked, masked_text
from nomad_tui.core.secrets.redaction import redact


class Masking:
    """Masks all secrets of the event, except one that the operator has revealed."""

    def __init__(self, reveals_all: bool = False) -> None:
        self.reveals_all = reveals_all
        """Mask nothing, because the operator requested that (`--reveal`)."""
        self.revealed: Path | None = None
        """The only secret that is shown, with everything below it, until the selection moves."""

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
