"""A screen over the dashboard that has the keys to itself."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

Result = TypeVar("Result")


class Modal(ModalScreen[Result]):
    """Textual 8.2.8 ends the program if a screen is dismissed twice, as by a key typed ahead of its closing."""

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
