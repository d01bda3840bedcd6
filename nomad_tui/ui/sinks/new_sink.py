"""The wizard that creates a sink: its type from a menu, then the questions of `nomad-tui sink new`."""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from nomad_tui.config.folders import FileError, shown
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import Kind
from nomad_tui.sinks.definition.folder import Definitions
from nomad_tui.sinks.definition.making import Making, Question
from nomad_tui.sinks.definition.reading import DefinitionErrors
from nomad_tui.sinks.types.registering import register
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.letter_menu import Choice, ChoiceList
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.dialogs.write_file import KEYS, PathInput
from nomad_tui.ui.keymap import keymap_of


class NewSink(Modal[tuple[str, str] | None]):
    """Its result is the new sink's ID and a sentence that says where it is defined; None if none was created."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, definitions: Definitions, taken: Collection[str]) -> None:
        """`taken` are the IDs of existing sinks."""
        super().__init__()
        self._definitions = definitions
        self._taken = taken
        self._making: Making | None = None
        self._question: Question | None = None
        self.answered = Static(id="new-sink-answered")
        choices = [Choice(kind.letter, kind.value, partial(str, kind.value), preview=kind.meaning) for kind in Kind]
        self.menu = ChoiceList(choices, self._choose)
        self.question = Static(id="new-sink-question")
        self.input = PathInput("", placeholder="")
        self.trouble = Static(id="new-sink-trouble")

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="new-sink", can_focus=False) as box:
            box.border_title = Content("New sink")
            yield self.answered
            yield self.menu
            yield self.question
            yield self.input
            yield self.trouble

    def on_mount(self) -> None:
        self._show()

    def _show(self, trouble: str = "") -> None:
        making, question = self._making, self._question
        self.menu.display = making is None
        self.answered.display = making is not None
        self.question.display = self.input.display = question is not None
        self.trouble.display = bool(trouble)
        self.trouble.update(Content(printable(trouble, 2_000)))
        keys = KEYS if question is None else "Enter next · {dialog.leave} back"
        self.query_one("#new-sink").border_subtitle = Content(keymap_of(self.app).text(keys))
        if making is not None:
            lines = [("Type", making.kind.value)]
            asked = [each for each in making.questions if each.setting in making.answers]
            lines += [(each.text, making.answers[each.setting]) for each in asked]
            rows = [Content.assemble((f"{name}  ", "$quiet"), printable(value, 500)) for name, value in lines]
            self.answered.update(Content("\n").join(rows))
        if question is not None:
            hint = Content.styled(f"\n{question.hint}", "$quiet") if question.hint else Content("")
            self.question.update(Content(question.text) + hint)
        self.set_focus(self.menu if making is None else self.input if question is not None else None)

    def _ask(self, typed: str = "", trouble: str = "") -> None:
        """Asks the next question; after the last one, stores the definition."""
        making = self._making
        self._question = question = making.next if making is not None else None
        if question is not None:
            self.input.value = typed or question.default
            self.input.cursor_position = len(self.input.value)
        self._show(trouble)
        if making is not None and question is None:
            self.run_worker(partial(self._store, making), group="store", exclusive=True)  # type: ignore[arg-type]

    async def _store(self, making: Making) -> None:
        try:
            definition, target, _ = await asyncio.to_thread(
                register, self._definitions, making.definition(), "The definition"
            )
        except (DefinitionErrors, FileError) as error:
            self._back(str(error))
        else:
            self.dismiss((definition.id, f"Registered {definition.id} in {shown(target)}."))

    # Answers

    def action_leave(self) -> None:
        if self._question is not None:
            self._back()
        elif not self.is_at_work:
            self.dismiss(None)

    @property
    def is_at_work(self) -> bool:
        """Whether the definition is being stored."""
        return self._making is not None and self._question is None

    def _choose(self, choice: Choice) -> None:
        self._making = Making(Kind(choice.made()), self._taken)
        self._ask()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        making, question = self._making, self._question
        if making is None or question is None:
            return
        mistake = making.answer(question, printable(message.value))
        if mistake:
            self._show(mistake)
        else:
            self._ask()

    def _back(self, trouble: str = "") -> None:
        """Goes back to the previous question, or to the types."""
        making = self._making
        if making is None:
            return
        answered = dict(making.answers)
        last = making.take_back()
        if last is None:
            self._making = None
        self._ask("" if last is None else answered[last.setting], trouble)
