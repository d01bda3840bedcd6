"""Allocations: their fields, sentences, levels, summary, and timeline."""

from collections.abc import Mapping
from typing import ClassVar, Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.allocation import sentence, summary
from nomad_tui.core.objects.allocation.fields import Allocation
from nomad_tui.core.objects.fact import Context, Facts
from nomad_tui.core.objects.kind import OWN_KEY, Known, Links, Mention, ObjectEvent
from nomad_tui.core.objects.parts import Sentence
from nomad_tui.core.objects.reading import member_names


class AllocationKind(Known[Allocation]):
    name = "Allocation"
    payload_key = "Allocation"
    capability = "namespace read-job"
    is_namespaced = True
    glyph = "◆"
    endpoint = "/v1/allocation/"
    command = "alloc status"
    page = "allocations/{name}"
    fields = Allocation
    status = "client_status"
    written = ("modify_time", "modify_index")
    has_generated_key = True
    is_of_job = True
    names_deployment = True
    is_on_node = True
    causes = (
        ("Evaluation", "eval_id"),
        ("Deployment", "deployment_id"),
        ("Allocation", "previous_allocation"),
    )
    effects = (("Allocation", "next_allocation"), ("Evaluation", "followup_eval_id"))
    mentions: ClassVar[Mapping[str, Mention]] = {
        "alloc": OWN_KEY,
        "eval": Mention(("eval_id",)),
        "deploy": Mention(("deployment_id",)),
        "group": Mention(("task_group",)),
        "task": Mention(("task_states",), member_names),
    }
    ended = frozenset(("complete", "failed", "lost"))

    def called(self, links: Links) -> str:
        return links.name

    def sentence(self, event: ObjectEvent[Allocation]) -> Sentence:
        return sentence.describe(event)

    def level(self, event: ObjectEvent[Allocation]) -> Level:
        return sentence.level(event)

    def summary(self, now: Allocation, is_deleted: bool, facts: Facts, context: Context) -> None:
        summary.summary(now, facts, context)


ALLOCATION: Final = AllocationKind()
