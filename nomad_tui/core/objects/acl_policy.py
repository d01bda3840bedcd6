"""ACL policies."""

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.objects.edited import Edited
from nomad_tui.core.objects.fact import Context, Facts, masked
from nomad_tui.core.objects.parts import COMMA, VALUE_LIMIT, Part, dim, plain, warn
from nomad_tui.core.objects.reading import EMPTY, Object, Reader, Written
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import count

_RULES_READ: Final = 16_000
"""Characters of a policy that are examined."""
_RULES_LISTED: Final = 6

_RULE: Final = lazy_pattern(
    r"^\s{0,40}(namespace|node_pool|host_volume|plugin|agent|node|operator|quota|service|sentinel|variables)"
    r'[ \t]{0,8}(?:"([^"\n]{0,100})")?\s{0,8}\{(?:\s{0,40}policy\s{0,8}=\s{0,8}"([^"\n]{0,40})")?',
    re.MULTILINE,
)
"""Subject and name of a rule, and its policy if that is the rule's first member."""


class JobACL(Object):
    namespace: str = ""
    job_id: str = ""
    group: str = ""
    task: str = ""


class Policy(Written):
    name: str = ""
    description: str = ""
    rules: str | None = None
    job_acl: msgspec.Raw = msgspec.field(default=EMPTY, name="JobACL")


_JOB_ACL: Final = Reader[JobACL](JobACL | None)


class PolicyKind(Edited[Policy]):
    name = "ACLPolicy"
    payload_key = "ACLPolicy"
    glyph = "▷"
    endpoint = "/v1/acl/policy/"
    command = "acl policy info"
    page = "administration/policies/{name}"
    fields = Policy
    labels: ClassVar[Mapping[str, str]] = {"rules": "rules", "job_acl": "job", "description": "description"}

    def summary(self, now: Policy, is_deleted: bool, facts: Facts, context: Context) -> None:
        if now.rules is not None:
            lines = len(now.rules.strip().splitlines())
            facts.add("rules", plain("1 line" if lines == 1 else f"{count(lines)} lines") if lines else warn("none"))
            facts.line("allows", *_allowed(now.rules[:_RULES_READ]))
        if (job := _JOB_ACL.read(now.job_acl)) is not None and job.job_id:
            steps = filter(None, (job.namespace, job.job_id, job.group, job.task))
            facts.line("for job", plain("/".join(step[:VALUE_LIMIT] for step in steps)))
        facts.line("", dim(masked(now.description)))


def _allowed(rules: str) -> Iterator[Part]:
    found = list(_RULE.finditer(rules))
    for position, rule in enumerate(found[:_RULES_LISTED]):
        if position:
            yield COMMA
        about, name, policy = rule.groups(default="")
        yield plain(" ".join(filter(None, (about, masked(name, VALUE_LIMIT)))), VALUE_LIMIT * 2)
        if policy:
            yield (warn if policy in ("write", "scale") else dim)(f" {policy}", VALUE_LIMIT)
    if len(found) > _RULES_LISTED:
        yield dim(f" and {count(len(found) - _RULES_LISTED)} more")


ACL_POLICY: Final = PolicyKind()
