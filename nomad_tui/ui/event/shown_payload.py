"""A payload as rows: which are open and in what order, what is masked, and what a search finds in them."""

from collections.abc import Mapping
from datetime import tzinfo

from nomad_tui.core.changes import Mark
from nomad_tui.core.payload import Folding, Names, Path, Payload, RawText, Rows
from nomad_tui.core.payload.find import PayloadFind, Wanted
from nomad_tui.core.payload.flattening import KeyOrder, flatten
from nomad_tui.core.payload.showing import Showing, Texts, without_secrets
from nomad_tui.core.secrets import Masking
from nomad_tui.ui.event.payload_row import RowWriter


class ShownPayload:
    """What is open and the order of keys outlive the payload."""

    def __init__(self, timezone: tzinfo | None = None, than: str = "") -> None:
        """`than` is what ages are older than, such as `the end` of a recording; empty for the present."""
        self.folding = Folding()
        self.order = KeyOrder.SORTED
        self.in_utc = False
        self.marks: Mapping[Path, Mark] | None = None
        """What has changed; None without a margin for it."""
        self.masking = Masking()
        self.wanted: Wanted | None = None
        """What is searched for."""
        self._timezone = timezone
        self._than = than
        self._payload: Payload | None = None
        self._without_secrets: RawText | None = None
        """Of a payload that is not JSON."""
        self._names: Names | None = None
        self._now_ns = 0
        self._texts = Texts()
        self._find: PayloadFind | None = None
        self._writer: RowWriter | None = None
        self.flatten()

    def flatten(self) -> None:
        """Makes the rows anew, after something has changed that decides which there are."""
        payload = self._payload
        if payload is None:
            self.rows = Rows()
        else:
            hidden = self._without_secrets is not None and not self.masking.shows(())
            value = self._without_secrets if hidden else payload.value
            self.rows = flatten(value, self.folding, order=self.order, masking=self.masking)
        self.showing = Showing(self.rows, self.masking, self._texts)
        self.rewrite()

    def rewrite(self) -> None:
        """The same rows are written differently from now on."""
        self._writer = None

    def show(
        self,
        payload: Payload,
        now_ns: int,
        masking: Masking,
        names: Names | None,
        marks: Mapping[Path, Mark] | None,
    ) -> bool:
        """Takes another payload, or the same at another moment; returns whether it is another."""
        is_other = self._payload is None or payload.value is not self._payload.value
        self._payload, self._now_ns, self.masking = payload, now_ns, masking
        self._names, self.marks = names, marks
        if is_other:
            masking.revealed = None
            self._texts = Texts()
            raw = payload.value if isinstance(payload.value, RawText) else None
            self._without_secrets = None if raw is None else without_secrets(raw)
        self.flatten()
        return is_other

    def clear(self) -> None:
        self._payload = self._without_secrets = None
        self.masking.revealed = None
        self.flatten()

    def show_ages(self, now_ns: int) -> None:
        """Writes ages relative to another moment, in ns since 1970."""
        self._now_ns = now_ns
        self.rewrite()

    @property
    def writer(self) -> RowWriter:
        if self._writer is None:
            self._writer = RowWriter(
                self.showing,
                self._now_ns,
                self._timezone,
                self._names,
                self.marks,
                in_utc=self.in_utc,
                than=self._than,
            )
        return self._writer

    @property
    def is_text(self) -> bool:
        """Whether the payload is not JSON: revealing a secret in it changes its lines."""
        return self._without_secrets is not None

    @property
    def changes_when_revealed(self) -> bool:
        """Whether there are other rows once a secret is revealed or masked again."""
        return bool(self.rows.decoded) or self.is_text

    def row_in_payload(self, row: int) -> int:
        """A row, or of a decoded one that of the string it was decoded from."""
        source = self.rows.decoded_from(row)
        return row if source is None else source

    def can_set_open(self, row: int, is_open: bool) -> bool:
        if self.rows.is_open(row):
            return not is_open
        return is_open and (self.rows.is_foldable(row) or self.showing.decodable(row) is not None)

    def secret_at(self, row: int) -> Path | None:
        """What to reveal for a row: the path of the secret, with all beneath it; None if there is none."""
        if self._without_secrets is not None and self._payload is not None:
            return () if self._without_secrets != self._payload.value else None
        return self.rows.path(row) if self.showing.hides_beneath(row) else None

    def changed_paths(self) -> list[Path]:
        """What is marked as changed, other than bookkeeping."""
        marks = {} if self.marks is None else self.marks
        return [path for path, mark in marks.items() if (mark.kind is not None or mark.removed) and not mark.is_noise]

    # Searching

    def look_for(self, wanted: Wanted) -> PayloadFind:
        self.wanted = wanted if wanted.source else None
        find = self.find
        find.look_for(wanted)
        return find

    def forget_find(self) -> None:
        """The next search looks at the rows that there are then."""
        self._find = None

    @property
    def find(self) -> PayloadFind:
        """The search in all rows, folded ones included; a revealed secret is not found."""
        if self._find is None:
            rows, masking = Rows(), Masking(self.masking.reveals_all)
            if self._payload is not None:
                is_raw = self._without_secrets is not None and not masking.reveals_all
                value = self._without_secrets if is_raw else self._payload.value
                rows = flatten(value, self.folding, order=self.order, masking=masking, everything=True)
            self._find = PayloadFind(rows, Showing(rows, masking, self._texts))
            if self.wanted is not None:
                self._find.look_for(self.wanted)
        return self._find
