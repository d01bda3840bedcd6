"""Summaries of services, node pools and variables, and of objects that no release is known to send."""

import re
from typing import Any, Final

import msgspec

from nomad_tui.core.readable import count, duration
from nomad_tui.core.secrets import names_secret, secret_beside
from nomad_tui.core.sentence.parts import VALUE_LIMIT, Part, dim, plain, status, warn, words
from nomad_tui.core.sentence.reading import Object, Reader, anything
from nomad_tui.core.summary.fact import Context, Facts, address, listed, told

READ_LIMIT: Final = 1 << 18
"""Bytes. The scalars of a larger unknown object are not looked for."""

_TELLING: Final = ("Status", "State", "Health", "Message", "Description", "Type", "Name", "Path")
_BOOKKEEPING: Final = re.compile(r"(Index|Time|Hash|ID|At)$")
_KEYS_LOOKED_AT: Final = 64
_SCALARS_TOLD: Final = 8

_WORKLOAD_VARIABLE: Final = re.compile(r"nomad/jobs(?:/([^/]+))?(?:/([^/]+))?(?:/([^/]+))?")
"""The paths that workloads read without a policy, each its own."""


class Service(Object):
    address: str = ""
    port: int = 0
    tags: list[str] | None = None
    node_id: str = ""
    alloc_id: str = ""
    job_id: str = ""
    datacenter: str = ""


class Scheduler(Object):
    scheduler_algorithm: str = ""
    memory_oversubscription_enabled: bool | None = None


class NodePool(Object):
    name: str = ""
    meta: dict[str, str] | None = None
    scheduler_configuration: Scheduler | None = None
    node_identity_ttl: int = msgspec.field(default=0, name="NodeIdentityTTL")


class Lock(Object):
    """Its ID is left alone: whoever has it may release the lock."""

    ttl: int | str = msgspec.field(default=0, name="TTL")
    lock_delay: int | str = 0


class Variable(Object):
    path: str = ""
    lock: Lock | None = None
    create_time: int = 0
    modify_time: int = 0


_SERVICE: Final = Reader[Service](Service)
_NODE_POOL: Final = Reader[NodePool](NodePool)
_VARIABLE: Final = Reader[Variable](Variable)


def tell_service(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _SERVICE.read(found)
    if now is None:
        return
    facts.add("address", plain(address(now.address, now.port), VALUE_LIMIT * 2))
    facts.add("tags", plain(listed(now.tags or ())))
    facts.new_line()
    facts.add("node", *context.object("Node", now.node_id))
    facts.add("allocation", *context.object("Allocation", now.alloc_id))
    facts.add("job", plain(now.job_id, VALUE_LIMIT * 2))
    facts.add("datacenter", plain(now.datacenter, VALUE_LIMIT))


def tell_node_pool(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _NODE_POOL.read(found)
    if now is None:
        return
    if (own := now.scheduler_configuration) is not None:
        facts.add("scheduler", plain(own.scheduler_algorithm, VALUE_LIMIT))
        if own.memory_oversubscription_enabled is not None:
            facts.add("memory oversubscription", plain("on" if own.memory_oversubscription_enabled else "off"))
    elif now.name:
        facts.add("scheduler", dim("as the cluster's"))
    facts.add("identity ttl", plain(duration(now.node_identity_ttl) if now.node_identity_ttl > 0 else ""))
    facts.add("meta", plain(listed(sorted(now.meta or ()))))


def tell_variable(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _VARIABLE.read(found)
    if now is None:
        return
    facts.add("", warn("deleted" if deleted else ""))
    if (lock := now.lock) is not None:
        facts.add("lock", warn("held"))
        facts.add("ttl", _span(lock.ttl))
        facts.add("delay", _span(lock.lock_delay))
    elif now.path and not deleted:
        facts.add("lock", dim("none"))
    if now.modify_time != now.create_time:
        facts.add("changed", plain(context.ago(now.modify_time)))
    facts.add("created", plain(context.ago(now.create_time)))
    if (workload := _WORKLOAD_VARIABLE.fullmatch(now.path)) is not None:
        kinds = zip(("job", "group", "task"), workload.groups(), strict=True)
        whose = ", ".join(f"{kind} {name[:VALUE_LIMIT]}" for kind, name in kinds if name)
        facts.line("readable by", plain(whose or "every job of the namespace"))


def _span(value: int | str) -> Part:
    if isinstance(value, str):
        return plain(value, VALUE_LIMIT)
    return plain(duration(value) if value > 0 else "")


def tell_scalars(facts: Facts, key: str, payload: bytes | msgspec.Raw) -> None:
    """An object no release is known to send, or none of whose fields is what it should be: the telling scalars.

    Of a payload with one object in it, that object's. The event's own key is left out, and every secret.
    """
    whole = anything(bytes(payload))
    if not isinstance(whole, dict):
        return
    whole = dict(sorted(whole.items()))
    objects = [value for value in whole.values() if isinstance(value, dict)]
    fields = objects[0] if len(objects) == 1 and not _scalars(whole, key) else whole
    for name, value in _scalars(fields, key)[:_SCALARS_TOLD]:
        facts.add(words(name), _scalar(name, value))


def _scalars(fields: dict[str, Any], key: str) -> list[tuple[str, str | int | float]]:
    beside = secret_beside(fields)
    names: list[str] = [name for name in _TELLING if name in fields]
    names += [name for name in sorted(list(fields)[:_KEYS_LOOKED_AT]) if name not in _TELLING]
    return [
        (name, value)
        for name in names
        if isinstance(value := fields[name], str | int | float)
        and value not in ("", key)
        and name != beside
        and not names_secret(name)
        and not _BOOKKEEPING.search(name)
    ]


def _scalar(name: str, value: str | int | float) -> Part:
    if isinstance(value, bool):
        return plain("yes" if value else "no")
    if isinstance(value, int):
        return plain(count(value))
    if isinstance(value, float):
        return plain(f"{value:g}")
    return status(told(value, VALUE_LIMIT)) if name in ("Status", "State") else plain(told(value), VALUE_LIMIT * 2)
