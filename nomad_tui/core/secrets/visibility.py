"""What of a payload's secrets is shown."""

from nomad_tui.core.payload.rows import Path


class Veil:
    """What of the event that is looked at is masked: all its secrets, but for the one revealed."""

    def __init__(self, lifted: bool = False) -> None:
        self.lifted = lifted
        """Every secret is shown, because the operator has asked for it."""
        self.revealed: Path | None = None
        """The one that is shown until the selection moves, with all that is beneath it."""

    def shows(self, path: Path) -> bool:
        """Whether the secret at a path is shown."""
        return self.lifted or (self.revealed is not None and path[: len(self.revealed)] == self.revealed)
