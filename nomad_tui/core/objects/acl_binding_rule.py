"""ACL binding rules."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from nomad_tui.core.objects.edited import Edited
from nomad_tui.core.objects.fact import Context, Facts, masked, moment
from nomad_tui.core.objects.kind import ObjectEvent
from nomad_tui.core.objects.parts import VALUE_LIMIT, Part, dim, plain, warn
from nomad_tui.core.objects.reading import Written


class BindingRule(Written):
    description: str = ""
    auth_method: str = ""
    bind_type: str = ""
    bind_name: str = ""
    selector: str | None = None
    create_time: str = ""
    modify_time: str = ""


class BindingRuleKind(Edited[BindingRule]):
    name = "ACLBindingRule"
    since = (1, 5, 0)
    payload_key = "ACLBindingRule"
    glyph = "▷"
    endpoint = "/v1/acl/binding-rule/"
    command = "acl binding-rule info"
    fields = BindingRule
    written = ("modify_time", "modify_index")
    labels: ClassVar[Mapping[str, str]] = {
        "bind_type": "bind type",
        "bind_name": "bind name",
        "selector": "selector",
        "description": "description",
    }
    shown = ("bind_type", "bind_name")

    def name_of(self, now: BindingRule) -> str:
        return now.auth_method

    def described(self, event: ObjectEvent[BindingRule]) -> Iterable[Part]:
        now = event.now
        bind = " ".join(filter(None, (now.bind_type, now.bind_name)))
        return plain(f"binds {bind}" if bind else ""), dim(f"where {now.selector}" if now.selector else "")

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
