"""CSI volumes."""

from typing import Final

import msgspec

from nomad_tui.core.level import Level
from nomad_tui.core.objects.edited import edited_level, is_removal, verb
from nomad_tui.core.objects.fact import Context, Facts, masked, moment
from nomad_tui.core.objects.kind import Known, ObjectEvent
from nomad_tui.core.objects.parts import DOT, VALUE_LIMIT, Sentence, bad, dim, good, named, plain, sentence, warn
from nomad_tui.core.objects.volumes import Capability, Plugged, add_capabilities, add_capacity, add_claims, add_fitness
from nomad_tui.core.readable import count, number_of


class CSIVolume(Plugged):
    id: str = ""
    name: str = ""
    plugin_id: str = ""
    requested_capacity_min: int = 0
    requested_capacity_max: int = 0
    requested_capabilities: list[Capability | None] | None = None
    external_id: str = ""
    provider: str = ""
    provider_version: str = ""
    access_mode: str = ""
    attachment_mode: str = ""
    capacity: int = 0
    schedulable: bool | None = None
    read_allocs: dict[str, msgspec.Raw] | None = None
    write_allocs: dict[str, msgspec.Raw] | None = None
    read_claims: dict[str, msgspec.Raw] | None = None
    write_claims: dict[str, msgspec.Raw] | None = None
    past_claims: dict[str, msgspec.Raw] | None = None
    resource_exhausted: str = ""

    @property
    def writers(self) -> dict[str, msgspec.Raw]:
        """Claims for writing, by allocation ID."""
        return self.write_allocs or self.write_claims or {}

    @property
    def readers(self) -> dict[str, msgspec.Raw]:
        return self.read_allocs or self.read_claims or {}


class CSIVolumeKind(Known[CSIVolume]):
    name = "CSIVolume"
    payload_key = "Volume"
    capability = "namespace csi-read-volume"
    since = (1, 10, 0)
    is_namespaced = True
    glyph = "◱"
    endpoint = "/v1/volume/csi/"
    command = "volume status -type csi"
    page = "storage/volumes/csi/{name}@{namespace}"
    fields = CSIVolume

    def sentence(self, event: ObjectEvent[CSIVolume]) -> Sentence:
        now = event.now
        claims = ", ".join(
            number_of(len(held), kind) for kind, held in (("writer", now.writers), ("reader", now.readers)) if held
        )
        happened = [plain("claims changed") if event.type_ == "CSIVolumeClaim" else verb(event)]
        if claims:
            happened += [DOT, plain(claims)]
        if now.schedulable is False and not event.type_.endswith("Deregistered"):
            happened += [DOT, warn("not schedulable")]
        if now.plugin_id:
            happened += [DOT, dim(now.plugin_id, VALUE_LIMIT)]
        return sentence(named(now.name or now.id, event.key), happened)

    def level(self, event: ObjectEvent[CSIVolume]) -> Level:
        if event.type_ == "CSIVolumeClaim":
            return Level.ROUTINE
        was = event.before.schedulable if event.before is not None else None
        is_news = event.now.schedulable is False and was is not False and not is_removal(event)
        return Level.WARNING if is_news else edited_level(event)

    def summary(self, now: CSIVolume, is_deleted: bool, facts: Facts, context: Context) -> None:
        if now.schedulable is not None:
            facts.add("", good("schedulable") if now.schedulable else warn("not schedulable"))
        if (exhausted := context.ago(moment(now.resource_exhausted))) != "":
            facts.add("resources exhausted", bad(exhausted))
        add_capacity(facts, now, now.capacity)
        facts.add("plugin", plain(now.plugin_id, VALUE_LIMIT))
        facts.add("provider", plain(f"{now.provider[:VALUE_LIMIT]} {now.provider_version[:VALUE_LIMIT]}".strip()))
        facts.new_line()
        add_claims(facts, "writer", now.writers)
        add_claims(facts, "reader", now.readers)
        facts.add("past claims", warn(count(len(now.past_claims)) if now.past_claims else ""))
        facts.new_line()
        mode = ", ".join(filter(None, (now.access_mode[:VALUE_LIMIT], now.attachment_mode[:VALUE_LIMIT])))
        facts.add("access", plain(mode))
        if not mode:
            add_capabilities(facts, now)
        add_fitness(facts, now)
        facts.add("external id", plain(masked(now.external_id), VALUE_LIMIT * 2))


CSI_VOLUME: Final = CSIVolumeKind()
