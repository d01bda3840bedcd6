"""The stand-in's endpoints other than the stream: agent, token, namespaces, lists."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import orjson
from msgspec.structs import replace

from nomad_tui.core.filter import Filter, FilterError, compile_all
from nomad_tui.standin.http import Answer, Request
from nomad_tui.standin.options import Options, Server
from nomad_tui.standin.recording import Recording, events
from nomad_tui.standin.subscription import EVERY_NAMESPACE, Access, Doubt, Token

TOPICS: Final = {
    "/v1/allocations": "Allocation",
    "/v1/deployments": "Deployment",
    "/v1/evaluations": "Evaluation",
    "/v1/nodes": "Node",
}
"""Topics by the path that lists their objects."""
_DELETED: Final = frozenset(("NodeDeregistration",))

_OMITTED: Final[Mapping[str, dict[str, Any]]] = {"Allocation": {"NextAllocation": ""}}
"""Fields that events omit if empty, but that a server's filter compares nevertheless."""

Objects = Mapping[tuple[str, str], dict[str, Any]]
"""By namespace and ID."""


class Lists:
    """The objects' state at an index of the recording's first pass; later passes repeat the same states."""

    def __init__(self) -> None:
        self._index = -1
        self._objects: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}

    def objects(self, recording: Recording, newest_index: int, topic: str) -> Objects:
        """The objects of a topic, in order of appearance."""
        rise = max(0, newest_index - recording.lowest_index) // recording.span * recording.span
        index = newest_index - rise
        if index != self._index:
            self._index, self._objects = index, {topic: {} for topic in TOPICS.values()}
            for frame in recording.frames:
                if frame.index is not None and frame.index <= index:
                    self._apply(frame.sent)
        return self._objects[topic]

    def _apply(self, line: bytes) -> None:
        for envelope, text in events(line)[1]:
            of_topic = self._objects.get(envelope.topic)
            if of_topic is None:
                continue
            found = (orjson.loads(text).get("Payload") or {}).get(envelope.topic)
            place = envelope.namespace, envelope.key
            if envelope.type in _DELETED:
                of_topic.pop(place, None)
            elif isinstance(found, dict):
                of_topic[place] = _OMITTED.get(envelope.topic, {}) | found


def list_answer(request: Request, token: Token, objects: Objects, index: int) -> Answer:
    """A page of a list, according to the parameters `filter`, `namespace`, `per_page` and `next_token`."""
    topic = TOPICS[request.path]
    wanted = request.first("namespace") or "default"
    listed: Iterable[tuple[tuple[str, str], dict[str, Any]]] = sorted(objects.items(), key=lambda item: item[0][1])
    if topic != "Node":
        listed = [
            (place, each)
            for place, each in listed
            if wanted in (EVERY_NAMESPACE, place[0]) and token.may_in(place[0], "read-job")
        ]
    try:
        root = Filter.parse(request.first("filter")).root
    except FilterError as error:
        return Answer.text(HTTPStatus.BAD_REQUEST, f"failed to read filter expression: {error}")
    if root is not None:
        holds = compile_all((root,))
        listed = [(place, each) for place, each in listed if holds(orjson.dumps({topic: each}), topic)[0]]
    page = [(key, each) for (_, key), each in listed if key >= request.first("next_token")]
    per_page = request.first("per_page")
    size = int(per_page) if per_page.isascii() and per_page.isdigit() and int(per_page) else len(page)
    found = Answer.json([each for _, each in page[:size]], index)
    if len(page) > size:
        return Answer(
            found.status, found.body, found.content_type, {**found.headers, "X-Nomad-NextToken": page[size][0]}
        )
    return found


PERMISSION_DENIED: Final = "Permission denied"
NO_PATH: Final = "No path to region"
UNREACHED: Final = "rpc error: failed to get conn: dial tcp 127.0.0.2:4647: connect: connection refused"
NO_LEADER: Final = "No cluster leader"
NOT_PUBLISHING: Final = "EventBroker not configured"

_JOB: Final = re.compile(r"/v1/job/[^/]+")
"""Jobs cannot be read: the recording has only their events."""
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_LONGEST_WAIT: Final = 300.0
"""Seconds that a blocking query without `wait` lasts."""


class Namespaces:
    """The namespaces by name, and the index of the list's last change."""

    def __init__(self, names: Iterable[str]) -> None:
        self._made_at = dict.fromkeys(sorted({"default", *names}), 1)
        self.index = 1
        self._changed = asyncio.Event()

    def names(self) -> frozenset[str]:
        return frozenset(self._made_at)

    def items(self) -> list[tuple[str, int]]:
        """Each name with its creation index."""
        return sorted(self._made_at.items())

    def make(self, name: str, index: int) -> None:
        """Creates a namespace unless it exists, at `index` or just above the last change."""
        if name not in self._made_at:
            self.index = self._made_at[name] = max(self.index + 1, index)
            self._changed.set()
            self._changed = asyncio.Event()

    async def changed_since(self, index: int, seconds: float) -> None:
        """Waits until the list has changed after `index`, or for `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self.index <= index:
                    await self._changed.wait()
        except TimeoutError:
            return


def refusal(doubt: Doubt, says_why: bool = True) -> Answer:
    """The response to a secret that is not a valid token."""
    if doubt is Doubt.MALFORMED:
        text = (
            "failed to parse signed token: failed to parse JWT: go-jose/go-jose: "
            "compact JWS format must have three parts"
        )
        return Answer.text(HTTPStatus.INTERNAL_SERVER_ERROR, text)
    if not says_why:
        return denied()
    return Answer.text(HTTPStatus.FORBIDDEN, f"ACL token {'expired' if doubt is Doubt.EXPIRED else 'not found'}")


def denied() -> Answer:
    return Answer.text(HTTPStatus.FORBIDDEN, PERMISSION_DENIED)


class Raft(msgspec.Struct):
    """The server's Raft state."""

    leader: bool
    """Whether the cluster has a leader."""
    last_log_index: int | None = None
    """Last index of the raft log that a restarted server is replaying; None if all of it is applied."""


class Answers:
    """All endpoints except the stream. `newest_index`, and `objects` by topic, are called for each response."""

    def __init__(
        self,
        options: Options,
        access: Access,
        namespaces: Namespaces,
        raft: Raft,
        newest_index: Callable[[], int],
        objects: Callable[[str], Objects],
    ) -> None:
        self.options = options
        self._raft = raft
        self._access = access
        self._namespaces = namespaces
        self._newest_index = newest_index
        self._objects = objects

    async def answer(self, request: Request) -> Answer:
        if request.path == "/":
            return Answer(HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": "/ui/"})
        job = _JOB.fullmatch(request.path)
        if request.path not in _PATHS and job is None:
            return Answer(HTTPStatus.NOT_FOUND)
        if request.method not in ("GET", "HEAD"):
            return Answer.text(HTTPStatus.METHOD_NOT_ALLOWED, "Invalid method")
        if (unreachable := self.unreachable_region(request)) is not None:
            return unreachable
        match request.path:
            case "/v1/regions":
                regions = sorted({self.options.region, *self.options.other_regions, *self.options.regions_down})
                return Answer.json(regions, self._newest_index())
            case "/v1/agent/health":
                return self._health(request)
            case "/v1/status/leader":
                elsewhere = request.first("region") not in (None, "", self.options.region)
                leader = f"127.0.0.{2 if elsewhere else 1}:4647" if self._raft.leader else ""
                return Answer.json(leader, self._newest_index())
        if not self._raft.leader and request.path not in ("/v1/agent/self", "/v1/agent/members"):
            return Answer.text(HTTPStatus.INTERNAL_SERVER_ERROR, NO_LEADER)
        token = self._access.token(request.secret)
        if isinstance(token, Doubt):
            return refusal(token, self.options.says_why_not)
        if job is not None:
            if not token.may_in(request.first("namespace") or "default", "read-job"):
                return denied()
            return Answer.text(HTTPStatus.NOT_FOUND, "job not found")
        match request.path:
            case "/v1/agent/self":
                return self._agent(token)
            case "/v1/acl/token/self" if token.is_identity:
                return refusal(Doubt.UNKNOWN)
            case "/v1/acl/token/self" if not (request.secret or self.options.describes_missing_tokens):
                if self._access.enabled:
                    return Answer.text(HTTPStatus.INTERNAL_SERVER_ERROR, "acl token lookup failed: missing secret id")
                return Answer.text(HTTPStatus.BAD_REQUEST, "ACL support disabled")
            case "/v1/acl/token/self":
                return Answer.json(self._token(token, request.secret), self._newest_index())
            case "/v1/nodes" | "/v1/agent/members" if not (token.management or token.node_read):
                return denied()
            case "/v1/agent/members":
                return self._members()
            case "/v1/namespaces":
                return await self._namespace_list(token, request)
            case path if path in TOPICS:
                namespace = request.first("namespace") or "default"
                if path != "/v1/nodes" and namespace != EVERY_NAMESPACE and not token.may_in(namespace, "read-job"):
                    return denied()
                return list_answer(request, token, self._objects(TOPICS[path]), self._newest_index())
            case _:
                return Answer.json([], self._newest_index())

    def unreachable_region(self, request: Request) -> Answer | None:
        """The error if the requested region cannot be reached."""
        asked, options = request.first("region"), self.options
        if not asked or asked in (options.region, *options.other_regions):
            return None
        why = UNREACHED if asked in options.regions_down else NO_PATH
        return Answer.text(HTTPStatus.INTERNAL_SERVER_ERROR, why)

    def _health(self, request: Request) -> Answer:
        """Needs no token, as on a real server; a client agent also reports on the server if asked to."""
        options = self.options
        health: dict[str, Any] = {}
        if options.client_agent:
            health["client"] = {"ok": True, "message": "ok"}
        if not options.client_agent:
            health["server"] = {"ok": self._raft.leader, "message": "ok" if self._raft.leader else NO_LEADER}
        elif request.first("type") == "server":
            health["server"] = {"ok": False, "message": "server not enabled"}
        is_well = all(each["ok"] for each in health.values())
        answer = Answer.json(health, self._newest_index())
        return answer if is_well else replace(answer, status=HTTPStatus.INTERNAL_SERVER_ERROR)

    def _members(self) -> Answer:
        options = self.options
        own = [] if options.client_agent else [Server(options.name, options.version, options.region)]
        known = {each.region for each in options.other_servers}
        elsewhere = [Server(f"stand-in.{each}", options.version, each) for each in options.other_regions]
        elsewhere += [Server(f"stand-in.{each}", options.version, each, "failed") for each in options.regions_down]
        own += [each for each in elsewhere if each.region not in known]
        members = [
            {
                "Name": each.name,
                "Addr": "127.0.0.1",
                "Port": 4648,
                "Status": each.status,
                "Tags": {"build": each.build, "dc": "dc1", "region": each.region, "role": "nomad"},
            }
            for each in (*own, *options.other_servers)
        ]
        answer = {"ServerName": options.name, "ServerRegion": options.region, "ServerDC": "dc1", "Members": members}
        return Answer.json(answer, self._newest_index())

    def _agent(self, token: Token) -> Answer:
        if not (token.management or token.agent_read):
            return denied()
        options = self.options
        version, _, prerelease = options.version.partition("-")
        newest, log = str(self._newest_index()), self._raft.last_log_index
        leader = "true" if self._raft.leader else "false"
        agent = {
            "config": {
                "ACL": {"Enabled": self._access.enabled},
                "Datacenter": "dc1",
                "Name": options.name.removesuffix(f".{options.region}"),
                "Region": options.region,
                "Server": {
                    "Enabled": not options.client_agent,
                    "EnableEventBroker": options.publishes,
                    "EventBufferSize": options.buffer_size,
                },
                "Version": {"Version": version, "VersionPrerelease": prerelease, "VersionMetadata": ""},
            },
            "member": {
                "Name": options.name,
                "Addr": "127.0.0.1",
                "Port": 4648,
                "Status": "alive",
                "Tags": {"build": options.version, "dc": "dc1", "region": options.region, "role": "nomad"},
            },
            "stats": {
                "nomad": {"leader": leader, "server": "true"},
                "raft": {
                    "applied_index": newest,
                    "last_log_index": newest if log is None else str(log),
                    "state": "Leader" if self._raft.leader else "Follower",
                },
            }
            if not options.client_agent
            else {"client": {"node_id": "b2f5f9b5-0000-4000-8000-000000000001"}},
        }
        return Answer.json(agent, self._newest_index())

    def _token(self, token: Token, secret: str) -> dict[str, Any]:
        if not self._access.enabled:
            return _token("acls-disabled", "ACLs disabled token", "client", secret="", policies=None)
        if not secret:
            return _token("anonymous", token.name, "client", secret="", policies=list(token.policies))
        kind = "management" if token.management else "client"
        policies = None if token.management else list(token.policies)
        shown = _token("5f4dcc3b-0000-4000-8000-000000000001", token.name, kind, secret, policies)
        if token.expires is not None:
            shown["ExpirationTime"] = token.expires.isoformat().replace("+00:00", "Z")
        return shown

    async def _namespace_list(self, token: Token, request: Request) -> Answer:
        index = request.first("index") or "0"
        if not (index.isascii() and index.isdigit()):
            return Answer.text(HTTPStatus.BAD_REQUEST, "Invalid index")
        wait = request.first("wait")
        if wait and not re.fullmatch(f"({_DURATION.pattern})+", wait):
            return Answer.text(HTTPStatus.BAD_REQUEST, "Invalid wait time")
        if int(index) > 0:
            await self._namespaces.changed_since(int(index), _seconds(wait))
        listed = [
            {
                "Name": name,
                "Description": "Default shared namespace" if name == "default" else "",
                "CreateIndex": made_at,
                "ModifyIndex": made_at,
            }
            for name, made_at in self._namespaces.items()
            if token.may_see(name)
        ]
        return Answer.json(listed, self._namespaces.index)


def _token(accessor: str, name: str, kind: str, secret: str, policies: list[str] | None) -> dict[str, Any]:
    return {
        "AccessorID": accessor,
        "CreateIndex": 1,
        "Global": False,
        "Name": name,
        "Policies": policies,
        "Roles": None,
        "SecretID": secret,
        "Type": kind,
    }


def _seconds(wait: str) -> float:
    """A Go duration such as `1m30s` in seconds."""
    parts = _DURATION.findall(wait)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else _LONGEST_WAIT


_PATHS: Final = frozenset(
    {
        *TOPICS,
        "/v1/acl/token/self",
        "/v1/agent/health",
        "/v1/agent/members",
        "/v1/agent/self",
        "/v1/jobs",
        "/v1/namespaces",
        "/v1/regions",
        "/v1/status/leader",
    }
)
