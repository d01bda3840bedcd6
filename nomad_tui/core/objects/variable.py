"""Variables: only their metadata, because events contain nothing else."""

from typing import Final

import msgspec

from nomad_tui.core.level import Level
from nomad_tui.core.objects.edited import edited_level, verb
from nomad_tui.core.objects.fact import Context, Facts
from nomad_tui.core.objects.kind import Known, ObjectEvent
from nomad_tui.core.objects.parts import DOT, VALUE_LIMIT, Part, Sentence, dim, named, plain, sentence, warn
from nomad_tui.core.objects.reading import Object, Written
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import duration

_OF_WORKLOAD: Final = lazy_pattern(r"nomad/jobs(?:/([^/]+))?(?:/([^/]+))?(?:/([^/]+))?")
"""Paths that workloads can read without a policy, each for its own job, group and task."""


class Lock(Object):
    """Without its ID, which allows its holder to release the lock."""

    ttl: int | str = msgspec.field(default=0, name="TTL")
    lock_delay: int | str = 0


class Variable(Written):
    path: str = ""
    lock: Lock | None = None
    create_time: int = 0
    modify_time: int = 0


class VariableKind(Known[Variable]):
    name = "Variable"
    payload_key = "Metadata"
    capability = "any variables capability"
    since = (2, 0, 0)
    is_namespaced = True
    glyph = "▽"
    endpoint = "/v1/var/"
    command = "var get"
    page = "variables/var/{name}@{namespace}"
    fields = Variable
    written = ("modify_time", "modify_index")

    def sentence(self, event: ObjectEvent[Variable]) -> Sentence:
        now, before = event.now, event.before
        is_locked, was_locked = now.lock is not None, before is not None and before.lock is not None
        happened = [verb(event)]
        if was_locked and not is_locked and not event.is_deleted:
            happened = [plain("unlocked")]
        elif is_locked and not event.is_deleted:
            is_news = before is not None and not now.is_new and not was_locked
            happened = [warn("locked")] if is_news else [*happened, DOT, warn("locked")]
        return sentence(named(now.path, event.key), happened)

    def level(self, event: ObjectEvent[Variable]) -> Level:
        return edited_level(event)

    def summary(self, now: Variable, is_deleted: bool, facts: Facts, context: Context) -> None:
        facts.add("", warn("deleted" if is_deleted else ""))
        if (lock := now.lock) is not None:
            facts.add("lock", warn("held"))
            facts.add("ttl", _span(lock.ttl))
            facts.add("delay", _span(lock.lock_delay))
        elif now.path and not is_deleted:
            facts.add("lock", dim("none"))
        if now.modify_time != now.create_time:
            facts.add("changed", plain(context.ago(now.modify_time)))
        facts.add("created", plain(context.ago(now.create_time)))
        if (workload := _OF_WORKLOAD.fullmatch(now.path)) is not None:
            kinds = zip(("job", "group", "task"), workload.groups(), strict=True)
            whose = ", ".join(f"{kind} {name[:VALUE_LIMIT]}" for kind, name in kinds if name)
            facts.line("readable by", plain(whose or "every job of the namespace"))


def _span(value: int | str) -> Part:
    if isinstance(value, str):
        return plain(value, VALUE_LIMIT)
    return plain(duration(value) if value > 0 else "")


VARIABLE: Final = VariableKind()
