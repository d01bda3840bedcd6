"""ACL binding rules."""

from typing import Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.edited import edited, edited_level
from nomad_tui.core.objects.fact import Context, Facts, masked, moment
from nomad_tui.core.objects.kind import Known, ObjectEvent
from nomad_tui.core.objects.parts import VALUE_LIMIT, Sentence, dim, named, plain, sentence, warn
from nomad_tui.core.objects.reading import Written

_LABELS: Final = {
    "bind_type": "bind type",
    "bind_name": "bind name",
    "selector": "selector",
    "description": "description",
}
_SHOWN: Final = frozenset(("bind_type", "bind_name"))


class BindingRule(Written):
    description: str = ""
    auth_method: str = ""
    bind_type: str = ""
    bind_name: str = ""
    selector: str | None = None
    create_time: str = ""
    modify_time: str = ""


class BindingRuleKind(Known[BindingRule]):
    name = "ACLBindingRule"
    since = (1, 5, 0)
    payload_key = "ACLBindingRule"
    glyph = "▷"
    endpoint = "/v1/acl/binding-rule/"
    command = "acl binding-rule info"
    fields = BindingRule
    written = ("modify_time", "modify_index")

    def sentence(self, event: ObjectEvent[BindingRule]) -> Sentence:
        now = event.now
        bind = " ".join(filter(None, (now.bind_type, now.bind_name)))
        around = [plain(f"binds {bind}" if bind else ""), dim(f"where {now.selector}" if now.selector else "")]
        return sentence(named(now.auth_method, event.key), edited(event, _LABELS, _SHOWN, *around))

    def level(self, event: ObjectEvent[BindingRule]) -> Level:
        return edited_level(event)

    def summary(self, now: BindingRule, is_deleted: bool, facts: Facts, context: Context) -> None:
        facts.add("auth method", plain(now.auth_method, VALUE_LIMIT))
        is_management = now.bind_type == "management"
        bound = f"{now.bind_type} {now.bind_name}".strip()
        facts.add("binds", (warn if is_management else plain)(bound, VALUE_LIMIT * 2))
        if now.selector is not None:
            facts.line("where", plain(masked(now.selector)) if now.selector else warn("every login"))
        facts.line("", dim(masked(now.description)))
        facts.line("created", plain(context.ago(moment(now.create_time))))


ACL_BINDING_RULE: Final = BindingRuleKind()
