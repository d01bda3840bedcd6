"""Objects already in trouble, requested once from the server's lists: the event stream reports only changes.

A list that the token may not read is skipped.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from nomad_tui.core.overview.listed import Listed
from nomad_tui.core.topics import ALL
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import NomadError

PER_PAGE: Final = 200
MAX_OBJECTS: Final = 1_000
"""Maximum objects read of one list; more in trouble are not requested."""
PATIENCE: Final = 10.0
"""Seconds for one page."""


@dataclass(frozen=True, slots=True)
class ServerList:
    topic: str
    path: str
    filter: str
    """Evaluated by the server; empty for all objects."""
    needs: str
    """The required capability, in the terms of a policy."""
    is_namespaced: bool = True


LISTS: Final = (
    ServerList("Node", "/v1/nodes", 'Status != "ready" or SchedulingEligibility == "ineligible"', "node:read", False),
    ServerList("Evaluation", "/v1/evaluations", 'Status == "blocked"', "namespace read-job"),
    ServerList("Deployment", "/v1/deployments", "", "namespace read-job"),
    ServerList(
        "Allocation",
        "/v1/allocations",
        'DesiredStatus == "run" and NextAllocation == "" and '
        '(ClientStatus == "failed" or ClientStatus == "lost" or ClientStatus == "unknown")',
        "namespace read-job",
    ),
)
"""All deployments are requested, because only a job's newest one shows whether it is in trouble. Failed evaluations are
not: one that failed before another one succeeded is no trouble, and the list does not tell."""


@dataclass(frozen=True, slots=True)
class Found:
    objects: tuple[Listed, ...]
    refused: tuple[str, ...]
    """The topics whose list could not be read."""
    unproved: tuple[str, ...] = ()
    """The topics whose list was empty, although the token may lack the permission to read it."""
    cut: tuple[str, ...] = ()
    """The topics of which only the first `MAX_OBJECTS` were read."""


async def in_trouble(client: Client) -> Found:
    """The objects of all readable lists. Raises `NomadError`, except for refusals."""
    found: list[Listed] = []
    refused: list[str] = []
    unproved: list[str] = []
    cut: list[str] = []
    for one in LISTS:
        try:
            read = [each async for each in objects(client, one)]
            if not read and await may_read(client, one) is None:
                unproved.append(one.topic)
        except NomadError as error:
            if error.status not in (400, 403, 404, 501):  # an old release lacks the filter or the list
                raise
            refused.append(one.topic)
            continue
        found += read
        if len(read) >= MAX_OBJECTS:
            cut.append(one.topic)
    return Found(tuple(found), tuple(refused), tuple(unproved), tuple(cut))


async def may_read(client: Client, one: ServerList) -> bool | None:
    """Whether the token may read a list; None if the response does not show it. Raises `NomadError`.

    For all namespaces together, a server lists only readable objects, possibly none, and never refuses.
    """
    try:
        answer = await client.ask(one.path, _parameters(client, replace(one, filter=""), 1, ""), PATIENCE)
    except NomadError as error:
        if error.status != 403:
            raise
        return False
    return None if one.is_namespaced and client.connection.namespace == ALL and not answer.value else True


async def objects(
    client: Client, one: ServerList, *, per_page: int = PER_PAGE, most: int = MAX_OBJECTS
) -> AsyncIterator[Listed]:
    """The objects of a list, page by page. Raises `NomadError`."""
    token, left = "", most
    while left > 0:
        answer = await client.ask(one.path, _parameters(client, one, min(left, per_page), token), PATIENCE)
        page = answer.value if isinstance(answer.value, list) else []
        for each in page[:left]:
            if isinstance(each, dict) and (listed := _listed(one, each)) is not None:
                yield listed
        left -= len(page)
        if not page or not answer.next_token or answer.next_token == token:
            return
        token = answer.next_token


def _parameters(client: Client, one: ServerList, per_page: int, token: str) -> list[tuple[str, str]]:
    connection = client.connection
    parameters = [("per_page", str(per_page))]
    if one.is_namespaced:
        parameters.append(("namespace", connection.namespace))
    parameters += [("filter", one.filter)] if one.filter else []
    parameters += [("next_token", token)] if token else []
    parameters += [("region", connection.region)] if connection.region else []
    return parameters


def _listed(one: ServerList, found: dict[str, Any]) -> Listed | None:
    key, namespace, index = found.get("ID"), found.get("Namespace", ""), found.get("ModifyIndex")
    if not (isinstance(key, str) and isinstance(namespace, str) and type(index) is int):
        return None
    try:
        payload = orjson.dumps({one.topic: found})
    except orjson.JSONEncodeError:  # nested too deeply to be encoded
        return None
    return Listed(one.topic, namespace if one.is_namespaced else "", key, index, payload)
