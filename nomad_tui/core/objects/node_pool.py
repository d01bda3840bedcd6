"""Node pools."""

from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.objects.edited import Edited
from nomad_tui.core.objects.fact import Context, Facts, listed
from nomad_tui.core.objects.parts import VALUE_LIMIT, dim, plain
from nomad_tui.core.objects.reading import EMPTY, Object, Reader, Written
from nomad_tui.core.readable import duration


class Scheduler(Object):
    scheduler_algorithm: str = ""
    memory_oversubscription_enabled: bool | None = None


class NodePool(Written):
    name: str = ""
    description: str = ""
    meta: dict[str, str] | None = None
    scheduler_configuration: msgspec.Raw = EMPTY
    node_identity_ttl: int | None = msgspec.field(default=None, name="NodeIdentityTTL")


_SCHEDULER: Final = Reader[Scheduler](Scheduler | None)


class NodePoolKind(Edited[NodePool]):
    name = "NodePool"
    since = (1, 6, 0)
    payload_key = "NodePool"
    glyph = "◎"
    endpoint = "/v1/node/pool/"
    command = "node pool info"
    fields = NodePool
    labels: ClassVar[Mapping[str, str]] = {
        "node_identity_ttl": "node identity TTL",
        "scheduler_configuration": "scheduler configuration",
        "meta": "meta",
        "description": "description",
    }
    shown = ("node_identity_ttl",)

    def summary(self, now: NodePool, is_deleted: bool, facts: Facts, context: Context) -> None:
        if (own := _SCHEDULER.read(now.scheduler_configuration)) is not None:
            facts.add("scheduler", plain(own.scheduler_algorithm, VALUE_LIMIT))
            if own.memory_oversubscription_enabled is not None:
                facts.add("memory oversubscription", plain("on" if own.memory_oversubscription_enabled else "off"))
        elif now.name:
            facts.add("scheduler", dim("as the cluster's"))
        facts.add("identity ttl", plain(duration(now.node_identity_ttl) if now.node_identity_ttl else ""))
        facts.add("meta", plain(listed(sorted(now.meta or ()))))


NODE_POOL: Final = NodePoolKind()
