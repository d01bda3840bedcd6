"""A modal screen over the dashboard."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Modal(ModalScreen[Result]):
    """Can be dismissed twice, as by a key typed before it closes; Textual 8.2.8 would exit."""

    is_left = False
    """Whether it was dismissed: keys that were on their way to it go where keys go now."""

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        if self.is_current:
            self.is_left = True
            return super().dismiss(result)
        nothing: AwaitComplete = AwaitComplete.nothing()  # type: ignore[no-untyped-call]
        return nothing

    def action_leave(self) -> None:
        self.dismiss()
