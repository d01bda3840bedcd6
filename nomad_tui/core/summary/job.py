"""Summaries of jobs: what it is, whether it runs, what it asks for, and where it came from."""

from typing import Final

import msgspec

from nomad_tui.core.readable import count
from nomad_tui.core.sentence.job import Group
from nomad_tui.core.sentence.job import Periodic as Schedule
from nomad_tui.core.sentence.parts import COMMA, DOT, VALUE_LIMIT, Part, dim, good, plain, reason, short, status, warn
from nomad_tui.core.sentence.reading import Object, Reader
from nomad_tui.core.summary.fact import Context, Facts, listed, told

_GROUPS_NAMED: Final = 6
_NODE_WIDE: Final = {"system", "sysbatch"}
"""Types of jobs that run once on each node, whatever a group's count is."""


class Periodic(Schedule):
    prohibit_overlap: bool = False
    time_zone: str = ""


class Parameterized(Object):
    payload: str = ""
    meta_required: list[str] | None = None
    meta_optional: list[str] | None = None


class VersionTag(Object):
    name: str = ""


class Job(Object):
    id: str = ""
    status: str = ""
    status_description: str = ""
    type: str = ""
    version: int | None = None
    stable: bool = False
    stop: bool = False
    priority: int = 0
    parent_id: str = ""
    dispatched: bool = False
    periodic: Periodic | None = None
    parameterized_job: Parameterized | None = None
    task_groups: list[Group | None] | None = None
    datacenters: list[str] | None = None
    node_pool: str = ""
    region: str = ""
    submit_time: int = 0
    nomad_token_id: str = ""
    version_tag: VersionTag | None = None


_READER: Final = Reader[Job](Job)


def tell(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _READER.read(found)
    if now is None:
        return
    facts.add("", warn("purged" if deleted else ""))
    if now.status:
        why = reason(now.status_description)
        say = dim(f"was {now.status}", VALUE_LIMIT) if deleted else status(now.status)
        facts.add("status", say, *((DOT, plain(why)) if why else ()))
    facts.add("", warn("stopped" if now.stop else ""))
    facts.add("type", plain(now.type, VALUE_LIMIT))
    if now.version is not None:
        facts.add("version", plain(count(now.version)), good(" stable" if now.stable else ""))
    facts.add("tag", plain(told(now.version_tag.name), VALUE_LIMIT) if now.version_tag is not None else dim(""))
    facts.add("priority", plain(count(now.priority) if now.priority else ""))
    facts.new_line()
    _tell_origin(facts, now)
    facts.new_line()
    _tell_groups(facts, now)
    submitted = context.ago(now.submit_time)
    # The payload names a token at most by its accessor, which is no secret.
    facts.add("submitted", plain(submitted), dim(f" by {short(now.nomad_token_id)}" if now.nomad_token_id else ""))
    facts.new_line()
    facts.add("datacenters", plain(listed(now.datacenters or ())))
    facts.add("pool", plain(now.node_pool, VALUE_LIMIT))
    facts.add("region", plain(now.region, VALUE_LIMIT))


def _tell_origin(facts: Facts, now: Job) -> None:
    """What starts it: a schedule, a dispatch, or the job it is a child of."""
    if now.parent_id:
        facts.add("dispatched from" if now.dispatched else "launched by", plain(now.parent_id, VALUE_LIMIT * 2))
    elif (periodic := now.periodic) is not None:
        spec = " and ".join((periodic.specs or [periodic.spec])[:3])
        zone = dim(f" {periodic.time_zone}" if periodic.time_zone else "", VALUE_LIMIT)
        paused = [] if periodic.enabled else [COMMA, warn("not enabled")]
        facts.add("periodic", plain(told(spec), VALUE_LIMIT * 2), zone, *paused)
        facts.add("", plain("no overlap" if periodic.prohibit_overlap else ""))
    if (asked := now.parameterized_job) is not None and not now.dispatched:
        payload: list[Part] = [dim("payload "), plain(asked.payload, VALUE_LIMIT)] if asked.payload else []
        facts.add("parameterized", *(payload or [plain("yes")]))
        facts.add("meta required", plain(listed(asked.meta_required or ())))
        facts.add("meta optional", plain(listed(asked.meta_optional or ())))


def _tell_groups(facts: Facts, now: Job) -> None:
    groups = [group for group in now.task_groups or () if group is not None]
    said: list[Part] = []
    for group in groups[:_GROUPS_NAMED]:
        said += [*([COMMA] if said else []), plain(group.name, VALUE_LIMIT)]
        if now.type not in _NODE_WIDE:
            said.append((plain if group.count else dim)(f" {count(group.count)}"))
    if len(groups) > _GROUPS_NAMED:
        said.append(dim(f" and {count(len(groups) - _GROUPS_NAMED)} more groups"))
    facts.add("group" if len(groups) == 1 else "groups", *said)
    if len(groups) > 1 and now.type not in _NODE_WIDE:
        facts.add("in all", plain(count(sum(group.count for group in groups))))
    facts.add("", dim("on each node" if groups and now.type in _NODE_WIDE else ""))
