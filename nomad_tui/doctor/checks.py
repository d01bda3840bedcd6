"""Runs all checks in order."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from types import MappingProxyType
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.doctor import access, connectivity, server, stream
from nomad_tui.doctor.findings import CHECKS, Begun, Finding, Item, Verdict
from nomad_tui.doctor.subject import ERRORS, Check, Patience, Subject, failed
from nomad_tui.nomad.client import Client

CONNECTIVITY: Final[tuple[tuple[str, Check], ...]] = (
    ("name", connectivity.name),
    ("connect", connectivity.connect),
    ("tls", connectivity.tls),
)
SERVER: Final[tuple[tuple[str, Check], ...]] = (
    ("nomad", server.nomad),
    ("release", server.release),
    ("region", server.region),
    ("leader", server.leader),
    ("publishing", server.publishing),
    ("token", access.token),
    ("namespaces", access.namespaces),
    ("topics", access.topics),
    ("lists", access.lists),
    ("stream", stream.stream),
    ("buffer", stream.buffer),
    ("heartbeat", stream.heartbeat),
    ("clock", stream.clock),
)
assert [name for name, _ in (*CONNECTIVITY, *SERVER)] == list(CHECKS[1:])

NO_ORIGINS: Final[Mapping[str, str]] = MappingProxyType({})


async def examine(
    connection: Connection,
    subscription: Subscription | None = None,
    *,
    patience: Patience | None = None,
    origins: Mapping[str, str] = NO_ORIGINS,
) -> AsyncGenerator[Item, None]:
    """Runs every check and yields its finding when it is known. Never raises because of a finding.

    Of several addresses, the first that answers is examined. `origins` maps settings to their origins.
    """
    async with AsyncExitStack() as stack:
        subject = Subject(connection, subscription or Subscription(), patience or Patience(), origins, stack)
        yield connectivity.settings(subject)
        if connection.others:
            chosen = None
            for each in connection.servers:
                yield Begun("address", f"trying {each.address}")
                finding = await connectivity.answers(each)
                yield finding
                if chosen is None and finding.verdict is Verdict.OK:
                    chosen = each
            subject.connection = chosen or connection
        for name, check in CONNECTIVITY:
            async with aclosing(_run(subject, name, check)) as items:
                async for item in items:
                    yield item
        if not subject.blocked:
            try:
                client = Client(subject.connection, first_line=subject.patience.first_line)
                subject.client = await stack.enter_async_context(client)
            except ERRORS as error:
                subject.blocked = "The connection's settings are not usable."
                yield await failed("nomad", error, subject.connection)
        for name, check in SERVER:
            async with aclosing(_run(subject, name, check)) as items:
                async for item in items:
                    yield item


async def _run(subject: Subject, name: str, check: Check) -> AsyncGenerator[Item, None]:
    if subject.blocked:
        yield Finding(name, Verdict.SKIPPED, subject.blocked)
        return
    try:
        async with aclosing(check(subject)) as items:
            async for item in items:
                yield item
    except Exception as error:  # later checks may still find something
        yield await failed(name, error, subject.connection)
