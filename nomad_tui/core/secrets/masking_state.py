"""Which secrets of the shown event are masked."""

from nomad_tui.core.payload.rows import Path


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
