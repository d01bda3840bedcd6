"""CSI plugins."""

from typing import Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.fact import Context, Facts, by_name
from nomad_tui.core.objects.kind import Known, ObjectEvent
from nomad_tui.core.objects.parts import (
    COMMA,
    DOT,
    VALUE_LIMIT,
    Part,
    Sentence,
    bad,
    dim,
    good,
    named,
    plain,
    reason,
    sentence,
    warn,
)
from nomad_tui.core.objects.reading import Object
from nomad_tui.core.objects.volumes import Plugged, add_fitness
from nomad_tui.core.readable import count


class Instance(Object):
    healthy: bool = False
    health_description: str = ""


class CSIPlugin(Plugged):
    id: str = ""
    provider: str = ""
    version: str = ""
    controllers: dict[str, Instance | None] | None = None
    nodes: dict[str, Instance | None] | None = None

    @property
    def counts(self) -> tuple[tuple[str, int, int], ...]:
        """For each kind of instance: how many are healthy, and how many are expected."""
        return (
            ("controller", self.controllers_healthy, self.controllers_expected),
            ("node", self.nodes_healthy, self.nodes_expected),
        )


class CSIPluginKind(Known[CSIPlugin]):
    name = "CSIPlugin"
    payload_key = "Plugin"
    capability = "namespace read-job"
    since = (1, 10, 0)
    glyph = "▤"
    endpoint = "/v1/plugin/csi/"
    command = "plugin status"
    page = "storage/plugins/{name}"
    fields = CSIPlugin

    def sentence(self, event: ObjectEvent[CSIPlugin]) -> Sentence:
        now = event.now
        happened: list[Part] = []
        for one, healthy, expected in now.counts:
            if healthy or expected:
                known = max(healthy, expected)
                health = f"{count(healthy)} of {count(known)} {one}{'' if known == 1 else 's'} healthy"
                happened += [COMMA] if happened else []
                happened.append(good(health) if healthy >= expected else warn(health))
        if now.is_new:  # no event reports that a plugin is gone; a job's deregistration leaves it unchanged
            happened = [plain("created"), DOT, *(happened or [dim("no controller or node expected yet")])]
        elif not happened:
            happened = [plain("no controller or node expected")]
        elif event.before is not None and event.before.counts == now.counts:
            happened.append(dim(" · unchanged"))
        return sentence(named(now.id, event.key), happened)

    def level(self, event: ObjectEvent[CSIPlugin]) -> Level:
        if event.now.is_new:
            return Level.CHANGE
        was = {one: healthy for one, healthy, _ in event.before.counts} if event.before is not None else {}
        fell = any(healthy < was.get(one, 0) and healthy < expected for one, healthy, expected in event.now.counts)
        return Level.WARNING if fell else Level.ROUTINE

    def summary(self, now: CSIPlugin, is_deleted: bool, facts: Facts, context: Context) -> None:
        add_fitness(facts, now, always=True)
        facts.add("provider", plain(f"{now.provider[:VALUE_LIMIT]} {now.version[:VALUE_LIMIT]}".strip()))
        for what, instances in (("controller", now.controllers), ("node", now.nodes)):
            for identifier, health in by_name(instances).items():
                if not health.healthy:
                    why = reason(health.health_description)
                    node = context.object("Node", identifier)
                    facts.line(f"{what} on", *node, bad(" unhealthy"), *((DOT, plain(why)) if why else ()))
                    break


CSI_PLUGIN: Final = CSIPluginKind()
