"""Runs a command for each event or batch, with events as JSON lines on standard input; the exit code is the
response."""

import os
from typing import Final

from nomad_tui.process import Command, CommandError, CommandRunner, clean_environment, event_fields
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.sink import Delivery, LocalError, RejectedError, UnavailableError
from nomad_tui.sinks.types.formats import messages

TRY_AGAIN: Final = os.EX_TEMPFAIL
"""75, as used by sendmail and others."""


class ExecSink:
    """Exit code 0 acknowledges, 75 requests a retry; any other, or a signal, refuses.

    A command that cannot be started or exceeds its time limit is retried: neither depends on the event.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._command = Command(definition.command, definition.timeout, definition.inherit)
        self._runner = CommandRunner(definition.concurrency, clean_environment(definition.inherit))

    async def deliver(self, delivery: Delivery) -> str:
        items = delivery.items
        lines = messages(items, self._definition.format, region=delivery.region, test=delivery.test)
        fields = {
            "NOMAD_EVENT_ID": delivery.id,
            "NOMAD_EVENT_COUNT": str(len(items)),
            "NOMAD_EVENT_ATTEMPT": str(delivery.attempt),
            "NOMAD_EVENT_REGION": delivery.region,
            "NOMAD_EVENT_SINK": self._definition.id,
            "NOMAD_EVENT_TEST": "1" if delivery.test else "",
        }
        if len(items) == 1 and items[0].event is not None:
            fields |= event_fields(items[0].event, items[0].index)
        try:
            outcome = await self._runner.run(self._command, b"\n".join([*lines, b""]), fields)
        except CommandError as error:
            raise LocalError(f"{error}. Correct command in the definition") from None
        answer = outcome.describe(self._command.timeout)
        if outcome.succeeded:
            return answer
        if outcome.timed_out:
            raise UnavailableError(f"{answer}. Correct the command, or raise timeout in the definition")
        if outcome.code == TRY_AGAIN:
            raise UnavailableError(f"{answer}. The command asks for another attempt")
        raise RejectedError(f"{answer}. Correct the command, or let it exit with 75 if a later attempt may succeed")

    async def close(self) -> None:
        await self._runner.close()
