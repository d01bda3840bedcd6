"""What in a payload is a secret, and the same payload without it.

Nomad sends environments, tokens and driver configuration in clear. A value is a secret by the key it is under,
by what is beside it, or by its own form, such as a password in a URL. Everything that leaves a payload for the
screen, the clipboard, a file or a sink asks here.
"""

from nomad_tui.core.secrets.masking import can_hide, masked, masked_text
from nomad_tui.core.secrets.masking_state import Masking
from nomad_tui.core.secrets.naming import MASK, REDACTED, is_secret, names_secret, secret_beside, secret_items
from nomad_tui.core.secrets.redaction import redact

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
