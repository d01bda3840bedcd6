"""Service registrations in Nomad's own registry."""

from collections.abc import Mapping
from typing import ClassVar, Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.edited import edited_level
from nomad_tui.core.objects.fact import Context, Facts, address, listed
from nomad_tui.core.objects.kind import Known, Mention, ObjectEvent
from nomad_tui.core.objects.parts import DOT, VALUE_LIMIT, Sentence, dim, named, plain, sentence, warn
from nomad_tui.core.objects.reading import Written
from nomad_tui.core.secrets import masked_text

_TAGS_LISTED: Final = 8


class Service(Written):
    service_name: str = ""
    namespace: str = ""
    address: str = ""
    port: int = 0
    tags: list[str] | None = None
    node_id: str = ""
    alloc_id: str = ""
    job_id: str = ""
    datacenter: str = ""


class ServiceKind(Known[Service]):
    name = "Service"
    payload_key = "Service"
    capability = "namespace read-job"
    since = (1, 3, 0)
    is_namespaced = True
    glyph = "○"
    endpoint = "/v1/service/"
    command = "service info"
    page = "jobs/{job}@{namespace}/services"
    fields = Service
    is_of_job = True
    causes = (("Allocation", "alloc_id"),)
    mentions: ClassVar[Mapping[str, Mention]] = {"alloc": Mention(("alloc_id",))}

    def sentence(self, event: ObjectEvent[Service]) -> Sentence:
        now = event.now
        where = f"[{now.address}]:{now.port}" if ":" in now.address else f"{now.address}:{now.port}"
        # Only a registration updates a service; any other write, such as a plan that loses an allocation, deletes it.
        happened = [plain("registered") if event.type_ == "ServiceRegistration" else warn("deregistered")]
        if event.type_ == "ServiceRegistration" and event.before is not None and event.before != now:
            happened = [plain("registered again")]
        happened.append(plain(f" {where}"))
        if tags := ", ".join(tag[:VALUE_LIMIT] for tag in (now.tags or ())[:_TAGS_LISTED]):
            happened.append(dim(f" {masked_text(tags)}"))
        if now.job_id:
            namespace = now.namespace or event.beside.namespace
            place = f" in {namespace[: 2 * VALUE_LIMIT]}" if namespace else ""
            happened += [DOT, dim(f"job {now.job_id[: 2 * VALUE_LIMIT]}{place}", 4 * VALUE_LIMIT)]
        return sentence(named(now.service_name, event.key), happened)

    def level(self, event: ObjectEvent[Service]) -> Level:
        return edited_level(event)

    def summary(self, now: Service, is_deleted: bool, facts: Facts, context: Context) -> None:
        facts.add("address", plain(address(now.address, now.port), VALUE_LIMIT * 2))
        facts.add("tags", plain(listed(now.tags or ())))
        facts.new_line()
        facts.add("node", *context.object("Node", now.node_id))
        facts.add("allocation", *context.object("Allocation", now.alloc_id))
        facts.add("job", plain(now.job_id, VALUE_LIMIT * 2))
        facts.add("datacenter", plain(now.datacenter, VALUE_LIMIT))


SERVICE: Final = ServiceKind()
