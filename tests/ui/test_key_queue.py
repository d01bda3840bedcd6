"""Keys pressed in succession in an application with slow actions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from textual import events
from textual.app import ComposeResult
from textual.widgets import Input, Static

from nomad_tui.ui.dialogs.modal import Modal
from tests.keyboard import Themed, until

REPEAT_INTERVAL: Final = 0.033
"""Seconds between two repeats of a held key."""


class SlowToMount(Static):
    async def on_mount(self) -> None:
        await asyncio.sleep(0.1)


class Page(Modal[None]):
    """Has its widgets only some time after it was opened."""

    BINDINGS = [("ctrl+r", "close", "")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield SlowToMount()
        yield Input()

    def action_close(self) -> None:
        self.query_one(Input).remove()
        self.dismiss()


class Slow(Themed):
    BINDINGS = [("x", "act('x')", ""), ("y", "act('y')", ""), ("question_mark", "open", "")]  # noqa: RUF012
    TAKES = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.acted = ""

    def compose(self) -> ComposeResult:
        yield Static()

    async def action_act(self, key: str) -> None:
        await asyncio.sleep(self.TAKES)
        self.acted += key

    def action_open(self) -> None:
        self.push_screen(Page())

    def type(self, keys: str, apart: float = 0.0) -> None:
        """Type keys at an interval of that many seconds; the terminal reads them while the application is busy."""
        for number, key in enumerate(keys):
            event = events.Key("question_mark" if key == "?" else key, key)
            event.time += number * apart
            self.post_message(event)


@asynccontextmanager
async def slow() -> AsyncIterator[Slow]:
    app = Slow()
    async with asyncio.timeout(60), app.run_test():
        yield app


async def test_a_held_key_yields_to_the_next_key() -> None:
    async with slow() as app:
        app.type("x" * 60 + "y" + "x", apart=REPEAT_INTERVAL)
        await until(app, lambda: app.acted.endswith("yx"))
        assert len(app.acted) <= 9


@pytest.mark.parametrize(
    ("keys", "apart"), [("x" * 20 + "yy", 0.0), ("xxxyyy", 0.2), ("xyxyxyxyxyxyxyxyxyxy", REPEAT_INTERVAL)]
)
async def test_keys_that_are_not_held_all_act(keys: str, apart: float) -> None:
    async with slow() as app:
        app.type(keys, apart)
        await until(app, lambda: len(app.acted) >= len(keys))
        assert app.acted == keys


async def test_a_screen_that_opens_slowly_gets_the_keys_typed_meanwhile() -> None:
    async with slow() as app:
        app.type("?xyx")
        await until(app, lambda: isinstance(app.focused, Input) and app.focused.value == "xyx")
        assert app.acted == ""


async def test_texts_that_are_pasted_one_after_another_all_arrive() -> None:
    async with slow() as app:
        app.type("?")
        for number in range(20):
            paste = events.Paste(f"{number} ")
            paste.time += number * REPEAT_INTERVAL
            app.post_message(paste)
        texts = "".join(f"{number} " for number in range(20))
        await until(app, lambda: isinstance(app.focused, Input) and app.focused.value.endswith("19 "))
        assert isinstance(app.focused, Input) and app.focused.value == texts


async def test_keys_work_after_the_focused_widget_was_removed() -> None:
    async with slow() as app:
        app.type("?")
        await until(app, lambda: isinstance(app.focused, Input))
        app.post_message(events.Key("ctrl+r", None))
        app.type("xy")
        await until(app, lambda: app.acted == "xy")
