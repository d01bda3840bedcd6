"""One answer from a cluster, whichever of its servers gives it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from nomad_tui.config.connection import Connection
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import NomadError

T = TypeVar("T")


class UnansweredError(Exception):
    """Its text says what happened, why, and what to do now; fit to be drawn."""


async def first_answer(connection: Connection, question: Callable[[Client], Awaitable[T]]) -> T:
    """What the first server says that says anything, in the operator's order; `question` is one of `questions`.

    Raises `UnansweredError` with what came of asking the first of them.
    """
    trouble = ""
    for server in connection.servers:
        try:
            async with Client(server) as client:
                return await question(client)
        except NomadError as error:
            trouble = trouble or error.trouble.sentence
    raise UnansweredError(trouble)
