"""Requests other than the stream, to find out why the stream does not work as expected.

All of them raise `NomadError`. All responses are untrusted text.
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
    """The text says what happened, why, and what to do; safe to display."""


async def first_answer(connection: Connection, question: Callable[[Client], Awaitable[T]]) -> T:
    """The response of the first server that answers, in the configured order; `question` is one of `questions`.

    Raises `UnansweredError` with the failure of the first server.
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
    """No token was sent; the policy `anonymous` determines the permissions of such requests."""
    DISABLED = "acls-disabled"
    """ACLs are disabled in the cluster."""


class TokenInfo(msgspec.Struct, frozen=True):
    kind: TokenKind
    name: str = ""
    policies: tuple[str, ...] = ()
    """Names of its policies and roles, without the policies of these roles."""
    expires: str = ""
    """RFC 3339; empty if it does not expire."""


class Namespace(msgspec.Struct, frozen=True):
    name: str
    created: int
    """The index at which it was created."""


class Namespaces(msgspec.Struct, frozen=True):
    """The namespaces visible to the token, sorted by name."""

    listed: tuple[Namespace, ...]
    index: int
    """The index at which the list last changed, for a blocking query; 0 if the server does not report it."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.listed)


async def token(client: Client) -> TokenInfo:
    """The identity of the request. A malformed token results in status 500, an unknown or expired one in 403.

    Since 1.10.1, servers return a pseudo-token if ACLs are disabled or no token is sent; earlier releases return an
    error (seen with 1.6.5).
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
    """All regions that the server knows; requested without a region, which may not exist."""
    return tuple(filter(None, map(_string, _list(await client.get_json("/v1/regions", seconds=PATIENCE)))))


async def leader(client: Client) -> str:
    """The address of the leader's RPC port; empty if there is none. A server may also respond with status 500."""
    return _string((await _ask(client, "/v1/status/leader")).value)


async def namespaces(client: Client, after: int = 0, wait: float = 0.0) -> Namespaces:
    """The namespaces visible to the token; with `after`, waits up to `wait` seconds for a change."""
    parameters = [("index", str(after)), ("wait", f"{wait:.0f}s")] if after else []
    answer = await _ask(client, "/v1/namespaces", parameters, PATIENCE + wait * 1.1)  # servers add up to a sixteenth
    return Namespaces(tuple(sorted(_namespaces(answer.value), key=lambda each: each.name)), answer.index or 0)


async def newest_index(client: Client) -> int | None:
    """An index that the server has reached, without `agent:read`: that of its newest job or evaluation.

    None if that is unknown too. Other objects may have been written under higher indexes since.
    """
    found: list[int] = []
    for path in ("/v1/evaluations", "/v1/jobs"):
        with suppress(NomadError):
            answer = await _ask(client, path, [("namespace", client.connection.namespace), ("per_page", "1")])
            found += [answer.index] if answer.index else []
    return max(found, default=None)


async def may_read_objects(client: Client, topic: str, namespace: str) -> bool | None:
    """Whether the token has the capability for a topic (`read-job`, `node:read`), determined without the stream.

    A missing job results in 404 if the token may read jobs, and in 403 otherwise. None if unknown.
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
