"""A modal screen over the dashboard."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Modal(ModalScreen[Result]):
    """Can be dismissed twice, as by a key typed before it closes; Textual 8.2.8 would exit."""

    @property
    def is_at_work(self) -> bool:
        """Whether it is doing something that the next key must wait for, such as saving a file."""
        return False

    def awaits(self, key: str) -> bool:
        """Whether a key waits until that is done."""
        return self.is_at_work

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        if self.is_current:
            return super().dismiss(result)
        nothing: AwaitComplete = AwaitComplete.nothing()  # type: ignore[no-untyped-call]
        return nothing

    def action_leave(self) -> None:
        self.dismiss()
