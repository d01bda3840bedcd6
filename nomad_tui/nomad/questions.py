"""Requests beside the stream, to find why the stream is not what it should be.

Each question raises `NomadError`. All answers are untrusted text.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from nomad_tui.config.connection import Connection
from nomad_tui.core.permissions import needed
from nomad_tui.nomad.client import Answer, Client
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


PATIENCE: Final = 5.0
"""Seconds for one question: they are asked while the operator waits for the stream."""


class TokenKind(StrEnum):
    MANAGEMENT = "management"
    CLIENT = "client"
    ANONYMOUS = "anonymous"
    """None was sent, and what such requests may do is what the policy `anonymous` grants."""
    DISABLED = "acls-disabled"
    """The cluster checks no tokens."""


class TokenInfo(msgspec.Struct, frozen=True):
    kind: TokenKind
    name: str = ""
    policies: tuple[str, ...] = ()
    """Its own and its roles' names; without the policies of a role."""
    expires: str = ""
    """RFC 3339; empty for one that does not."""


class Namespace(msgspec.Struct, frozen=True):
    name: str
    created: int
    """The index at which it was made."""


class Namespaces(msgspec.Struct, frozen=True):
    """Those that the token may see, in order of name."""

    listed: tuple[Namespace, ...]
    index: int
    """The index at which the list changed last, for a blocking query; 0 where the server does not say."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.listed)


async def token(client: Client) -> TokenInfo:
    """Who the server takes us for. A malformed token is answered with 500, an unknown or expired one with 403.

    Where there are no ACLs, or no token is sent, there is a token of that name since release 1.10.1. Releases before
    answer with an error (seen with 1.6.5).
    """
    try:
        body = (await _ask(client, "/v1/acl/token/self")).value
    except NomadError as error:
        if error.status == 400 and b"ACL support disabled" in error.body:
            return TokenInfo(TokenKind.DISABLED)
        if error.status == 500 and b"missing secret id" in error.body:
            return TokenInfo(TokenKind.ANONYMOUS)
        raise
    accessor = body.get("AccessorID") if isinstance(body, dict) else None
    if not isinstance(body, dict):
        return TokenInfo(TokenKind.CLIENT)
    name, expires = _string(body.get("Name")), _string(body.get("ExpirationTime"))
    roles = [_string(each.get("Name")) for each in _list(body.get("Roles")) if isinstance(each, dict)]
    policies = tuple(filter(None, [*map(_string, _list(body.get("Policies"))), *roles]))
    if accessor in (TokenKind.DISABLED, TokenKind.ANONYMOUS):
        kind = TokenKind(accessor)
    else:
        kind = TokenKind.MANAGEMENT if body.get("Type") == "management" else TokenKind.CLIENT
    return TokenInfo(kind, name, policies, expires)


async def regions(client: Client) -> tuple[str, ...]:
    """Every region that the server knows; asked without one, which would be looked for in vain."""
    return tuple(filter(None, map(_string, _list(await client.get_json("/v1/regions", seconds=PATIENCE)))))


async def leader(client: Client) -> str:
    """The address of the leader's RPC port; empty if there is none. A server may answer 500 instead."""
    return _string((await _ask(client, "/v1/status/leader")).value)


async def namespaces(client: Client, after: int = 0, wait: float = 0.0) -> Namespaces:
    """The namespaces that the token may see; with `after` it waits up to `wait` seconds for another list."""
    parameters = [("index", str(after)), ("wait", f"{wait:.0f}s")] if after else []
    answer = await _ask(client, "/v1/namespaces", parameters, PATIENCE + wait * 1.1)  # servers add a sixteenth
    return Namespaces(tuple(sorted(_namespaces(answer.value), key=lambda each: each.name)), answer.index or 0)


async def newest_index(client: Client) -> int | None:
    """An index that the server had reached, without `agent:read`: that of its newest job or evaluation.

    None where that is unknown too. Other objects may have been written since under higher indexes.
    """
    found: list[int] = []
    for path in ("/v1/evaluations", "/v1/jobs"):
        with suppress(NomadError):
            answer = await _ask(client, path, [("namespace", client.connection.namespace), ("per_page", "1")])
            found += [answer.index] if answer.index else []
    return max(found, default=None)


async def may_read_objects(client: Client, topic: str, namespace: str) -> bool | None:
    """Whether the token holds the capability of a topic (`read-job`, `node:read`), learned without the stream.

    A job that does not exist is 404 to whoever may read jobs and 403 to others. None where that is unknown.
    """
    paths = {"read-job": "/v1/job/nomad-tui-asks-for-none", "node:read": "/v1/nodes"}
    path = paths.get(needed(topic))
    if path is None:
        return None
    try:
        await _ask(client, path, [("namespace", namespace), ("per_page", "1")])
    except NomadError as error:
        if error.status is None:
            raise
        return {403: False, 404: True}.get(error.status)
    return True


async def _ask(
    client: Client, path: str, parameters: list[tuple[str, str]] | None = None, seconds: float = PATIENCE
) -> Answer:
    region = client.connection.region
    return await client.ask(path, [*(parameters or []), *([("region", region)] if region else [])], seconds)


def _namespaces(body: Any) -> Iterator[Namespace]:
    for each in _list(body):
        name = _string(each.get("Name")) if isinstance(each, dict) else ""
        if name:
            created = each.get("CreateIndex")
            yield Namespace(name, created if type(created) is int and created > 0 else 0)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
