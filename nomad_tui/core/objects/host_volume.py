"""Dynamic host volumes."""

from typing import Final

import msgspec

from nomad_tui.core.level import Level
from nomad_tui.core.objects.edited import edited_level, is_removal, verb
from nomad_tui.core.objects.fact import Context, Facts, masked
from nomad_tui.core.objects.kind import Known, ObjectEvent
from nomad_tui.core.objects.parts import ARROW, DOT, VALUE_LIMIT, Sentence, dim, named, plain, sentence, status
from nomad_tui.core.objects.reading import Written
from nomad_tui.core.objects.volumes import Capability, add_capabilities, add_capacity
from nomad_tui.core.readable import byte_count


class HostVolume(Written):
    id: str = ""
    name: str = ""
    plugin_id: str = ""
    requested_capabilities: list[Capability | None] | None = None
    state: str = ""
    capacity_bytes: int = 0
    requested_capacity_min: int = msgspec.field(default=0, name="RequestedCapacityMinBytes")
    requested_capacity_max: int = msgspec.field(default=0, name="RequestedCapacityMaxBytes")
    host_path: str = ""
    node_id: str = ""
    node_pool: str = ""
    create_time: int = 0


class HostVolumeKind(Known[HostVolume]):
    name = "HostVolume"
    payload_key = "Volume"
    capability = "namespace host-volume-read"
    since = (1, 10, 0)
    is_namespaced = True
    glyph = "◰"
    endpoint = "/v1/volume/host/"
    command = "volume status -type host"
    page = "storage/volumes/dynamic/{name}@{namespace}"
    fields = HostVolume
    written = ("create_time", "create_index")
    status = "state"

    def key_of(self, filter_keys: tuple[str, ...]) -> str:
        """Servers send the event of a deletion without its key (`eventFromChange`, up to 2.0.5 at least)."""
        return filter_keys[0] if filter_keys else ""

    def sentence(self, event: ObjectEvent[HostVolume]) -> Sentence:
        now = event.now
        was = event.before.state if event.before is not None else ""
        happened = [verb(event)]
        if now.state and was and was != now.state:
            happened = [plain(was, VALUE_LIMIT), ARROW, status(now.state)]
        elif now.state and not event.type_.endswith("Deleted"):
            happened += [DOT, status(now.state)]
        size = byte_count(now.capacity_bytes) if now.capacity_bytes > 0 else ""
        if details := [detail for detail in (now.plugin_id[:VALUE_LIMIT], size) if detail]:
            happened += [DOT, dim(", ".join(details))]
        return sentence(named(now.name or now.id, event.key), happened, status=now.state)

    def level(self, event: ObjectEvent[HostVolume]) -> Level:
        was = event.before.state if event.before is not None else ""
        is_news = event.now.state == "unavailable" != was and not is_removal(event)
        return Level.WARNING if is_news else edited_level(event)

    def summary(self, now: HostVolume, is_deleted: bool, facts: Facts, context: Context) -> None:
        if now.state:
            facts.add("state", status(now.state))
        add_capacity(facts, now, now.capacity_bytes)
        facts.add("plugin", plain(now.plugin_id, VALUE_LIMIT))
        add_capabilities(facts, now)
        facts.new_line()
        facts.add("node", *context.object("Node", now.node_id))
        facts.add("pool", plain(now.node_pool, VALUE_LIMIT))
        facts.add("path", plain(masked(now.host_path)))
        facts.add("created", plain(context.ago(now.create_time)))


HOST_VOLUME: Final = HostVolumeKind()
