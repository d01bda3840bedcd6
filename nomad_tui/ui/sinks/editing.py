"""Edits a sink's definition in the operator's editor until it has no mistakes or is discarded."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nomad_tui.config.folders import FileError, Folders, is_missing, read_text, shown
from nomad_tui.config.watch_rules import WatchRules
from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.folder import Definitions
from nomad_tui.sinks.definition.reading import DefinitionError, DefinitionErrors
from nomad_tui.sinks.types.registering import divided, revise
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.preferences import Preferences
from nomad_tui.ui.terminal.outcome import Outcome
from nomad_tui.ui.terminal.outside import edit_outside


async def edit_definition(app: App[Any], definitions: Definitions, sink: str, file: Path) -> Outcome:
    """Opens the file that defines a sink in an editor, and stores it once it has no new mistakes. Run in a worker."""
    try:
        before = await asyncio.to_thread(read_text, file)
    except (FileError, UnicodeDecodeError) as error:
        return Outcome(False, f"{shown(file)} cannot be edited: {error}")
    text = before or ""
    while True:
        edited, outcome = await edit_outside(app, text, file.name)
        if not outcome.done:
            return outcome
        if edited is not None:
            text = edited
        if text == before:
            return Outcome(True, f"{shown(file)} is unchanged.")
        try:
            known = await asyncio.to_thread(_store, definitions, file, sink, before or "", text)
        except DefinitionErrors as errors:
            mistakes = [str(error) for error in errors.errors]
        except FileError as error:
            mistakes = [str(error)]
        else:
            saved = f"Saved {shown(file)}. A running nomad-tui sink run uses it at once."
            return Outcome(True, f"{saved} {_remaining_mistakes(known)}" if known else saved)
        if not await app.push_screen_wait(Mistakes(sink, mistakes)):
            return Outcome(True, f"{shown(file)} is unchanged. Your changes are discarded.")


def _store(definitions: Definitions, file: Path, sink: str, before: str, text: str) -> list[str]:
    """As `revise`, but also checks the other tables of config.toml."""
    if file != definitions.settings:
        return revise(definitions, file, sink, before, text)
    new, known = divided(settings_mistakes(file, text), settings_mistakes(file, before))
    if new:
        raise DefinitionErrors(DefinitionError("", mistake.removesuffix("."), origin=file) for mistake in new)
    return [*revise(definitions, file, sink, before, text), *known]


def _remaining_mistakes(mistakes: Sequence[str]) -> str:
    others = f" {len(mistakes) - 1} more: nomad-tui config check." if len(mistakes) > 1 else ""
    return f"It still contains an earlier mistake: {mistakes[0].removesuffix('.')}.{others}"


def settings_mistakes(file: Path, text: str) -> list[str]:
    """The mistakes in a text for `config.toml` outside its sinks: in settings, keys, profiles and watch rules."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        copy = folder / file.name
        copy.write_text(text, encoding="utf-8")
        if not is_missing(themes := file.parent / "themes"):
            (folder / "themes").symlink_to(themes.resolve())
        mistakes = [*Preferences(Folders(folder, folder)).mistakes, *WatchRules(folder).troubles]
        return [mistake.replace(shown(copy), shown(file)) for mistake in dict.fromkeys(mistakes)]


class Mistakes(Modal[bool]):
    """The mistakes in an edited definition. Its result is whether to edit again."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.MISTAKES)

    def __init__(self, sink: str, mistakes: Sequence[str]) -> None:
        super().__init__()
        self._sink = sink
        self._mistakes = mistakes

    def compose(self) -> ComposeResult:
        with Vertical(id="mistakes") as box:
            number = len(self._mistakes)
            box.border_title = Content(
                f"{printable(self._sink, 64)}: {number} mistake{'s' if number > 1 else ''}, nothing is changed"
            )
            box.border_subtitle = Content(
                keymap_of(self.app).text("{mistakes.again} edit again · {page.leave} discard your changes")
            )
            lines = [Content.styled(printable(mistake, 1_000), "$error") for mistake in self._mistakes]
            yield VerticalScroll(Static(Content("\n\n").join(lines)))

    def action_again(self) -> None:
        self.dismiss(True)

    def action_leave(self) -> None:
        self.dismiss(False)
