"""Templates: rendered requests, reported errors, and no event that can break the syntax of a request."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.cli.main import main
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event
from nomad_tui.journal.status import SinkStatus
from nomad_tui.sinks.definition.definition import Batch, Definition, Format, Kind
from nomad_tui.sinks.delivery.sink import Delivery, Item, RejectedError, UnavailableError, UndeliveredError
from nomad_tui.sinks.types.webhook import Webhook
from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.receiver import Request, receiver
from tests.runner import at, define, running
from tests.sink_items import delivery, gap_item, items

TEXT = '{"text": {{ sentence | json }}}'


def templated(template: str, address: str = "http://127.0.0.1:9/", **changes: Any) -> Definition:
    definition = Definition("t", Kind.WEBHOOK, address, format=Format.TEMPLATE, template=template)
    return msgspec.structs.replace(definition, **changes)


async def sent(template: str, *given: Item, **changes: Any) -> Any:
    """Return the request that a template makes of items."""
    async with receiver() as hook:
        sink = Webhook(templated(template, hook.url, **changes), {})
        try:
            await sink.deliver(delivery(given or items(most=1)))
        finally:
            await sink.close()
        (request,) = hook.requests
        return request


def named(key: str, **payload: Any) -> Item:
    """Return an event of a job with any name."""
    text = orjson.dumps(
        {"Topic": "Job", "Type": "JobRegistered", "Key": key, "Payload": {"Job": {"ID": key, **payload}}}
    )
    return Item(1, 0, 5, 1_790_000_000_000_000_000, text, msgspec.json.decode(text, type=Event), id="5-a")


async def run_over(
    folder: Path, lines: Sequence[bytes], events: int, template: str, more: str = ""
) -> tuple[list[Request], SinkStatus]:
    """Return what a runner sends of the stream's events with a template, and the sink's final status."""
    async with receiver() as hook, StandIn(lines, Options(lead=len(lines))) as server:
        define(
            folder,
            "templated",
            f'type = "webhook"\naddress = "{hook.url}"\nformat = "template"\nbegin = "oldest"\n'
            f"template = '{template}'\n{more}",
        )
        async with running(folder, at(server)) as run:
            await run.journaled(events)
            await run.delivered("templated")
            return hook.requests, run.sink("templated").status


async def test_an_event_is_rendered_by_its_template() -> None:
    template = (
        '{"what": {{ sentence|json }}, "level": "{{ level }}", "key": {{ object.key|json }}, "url": {{ url|json }},'
        ' "id": "{{ event.Index }}", "node": {{ payload.Node.Name|json }}, "facts": {{ summary|json }}}'
    )
    request = await sent(template, web_ui="https://nomad.example.com", method="PUT")
    assert request.method == "PUT" and request.headers["content-type"] == "application/json"
    assert request.json["what"].startswith("edge-1: registered") and request.json["level"] == "change"
    assert request.json["node"] == "edge-1"
    assert request.json["url"] == f"https://nomad.example.com/ui/clients/{request.json['key']}?region=global"
    assert {"label": "status", "value": "initializing", "text": "status initializing"} in request.json["facts"]


async def test_a_batch_is_rendered_as_one() -> None:
    template = '[{% for each in events %}{{ each.object.name|json }}{{ "," if not loop.last }}{% endfor %}]'
    request = await sent(template, *items(most=3), batch=Batch(max_events=10))
    assert request.json == ["edge-1", "edge-1", "edge-2"]


async def test_content_type_and_a_gap() -> None:
    gap = gap_item(Gap(GapReason.BUFFER, 100, 140, 41.0))
    request = await sent("{{ object.topic }} {{ level }}: {{ sentence }}", gap, content_type="text/plain")
    assert request.headers["content-type"] == "text/plain"
    assert request.body.decode().startswith("Gap warning: indexes 101–139 may be missing")


async def test_payloads_are_masked_unless_the_definition_says_otherwise(tmp_path: Path) -> None:
    """Through a complete runner: a template sees only what the definition lets it see."""
    job = {"Job": {"ID": "a", "Meta": {"password": "hunter22"}}}
    event = {"Topic": "Job", "Type": "JobRegistered", "Key": "a", "Payload": job}
    line = orjson.dumps({"Index": 7, "Events": [event]})
    async with receiver() as hook, StandIn([line], Options(lead=1)) as server:
        for name, extra in (("masked", ""), ("plain", "redact = false\n")):
            define(
                tmp_path,
                name,
                f'type = "webhook"\naddress = "{hook.url}"\nformat = "template"\nbegin = "oldest"\n{extra}'
                'template = \'{"p": {{ payload.Job.Meta.password|json }}, "changes": {{ changes|json }}}\'\n',
            )
        async with running(tmp_path, at(server)) as run:
            await run.journaled(1)
            await run.delivered("masked")
            await run.delivered("plain")
    assert sorted(request.json["p"] for request in hook.requests) == ["<redacted>", "hunter22"]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("a\nb {{ payload.Job.Nothing.At.All }}", "template, line 2: this event has no `Nothing` there. If it may"),
        ("{{ sentence + index }}", "`+` cannot join a text and a number: write `~`"),
        ("{% for each in none %}{% endfor %}", "null is not a list"),
        ('{"a": {{ sentence }}}', "the output is not JSON at line 1, column 7, before `"),
        ("{% for a in range(99999) %}{{ 'x' * 99 }}{% endfor %}", "more than 1,048,576 characters"),
        ("{{ ''.__class__.__mro__ }}", "line 1: a template may not use `__class__`"),
        ("\n\n{{ 1 // (index - index) }}", "line 3: it divides by zero"),
    ],
)
async def test_a_template_that_fails_on_an_event_reports_where(template: str, says: str) -> None:
    with pytest.raises(RejectedError, match=re.escape(says)) as raised:
        await sent(template, named("web"))
    assert raised.value.final and raised.value.what.isprintable()


async def test_attributes_of_missing_values_need_no_checks() -> None:
    text = '{{ payload.Job.Nothing.At.All | default("none") | json }}'
    assert (await sent(text, named("web"))).json == "none"


async def test_an_event_whose_template_fails_is_a_dead_letter_at_once_and_the_others_continue(tmp_path: Path) -> None:
    frames = recordings.frames("tour", 40)
    expected = [event for frame in frames for event in orjson.loads(frame.line)["Events"]]
    lines = [frame.line for frame in frames]
    requests, status = await run_over(tmp_path, lines, len(expected), '{"name": {{ payload.Node.Name|json }}}')
    nodes = [event for event in expected if event["Topic"] == "Node"]
    assert [request.json["name"] for request in requests] == [event["Payload"]["Node"]["Name"] for event in nodes]
    assert (status.delivered, status.dead) == (len(nodes), len(expected) - len(nodes))
    assert "has no `Node`" in status.last_error or not status.last_error


@pytest.mark.parametrize("depth", [130, 390])  # twice as many levels: orjson encodes up to 254
async def test_a_payload_nested_too_deep_for_orjson_is_still_sent(tmp_path: Path, depth: int) -> None:
    deep = b'{"a":[' * depth + b"1" + b"]}" * depth
    job = b'{"Index":%d,"Events":[{"Topic":"Job","Type":"JobRegistered","Key":"web","Namespace":"default",'
    job += b'"Payload":{"Job":{"ID":"web","CreateIndex":1,"ModifyIndex":%d%b}}}]}'
    lines = [job % (5, 5, b""), job % (6, 6, b',"Deep":' + deep)]
    template = '{"changes": {{ changes|json }}, "payload": {{ payload|json }}}'
    requests, status = await run_over(tmp_path, lines, 2, template)
    assert (status.delivered, status.dead) == (2, 0)
    assert "Job.Deep" in [change["path"] for change in requests[1].json["changes"]]


async def test_a_sentence_uses_the_nodes_name_at_that_time(tmp_path: Path) -> None:
    node = "d7d7a09d-5db6-5c6c-c529-9c0c533e29b7"
    why = {"NodesEvaluated": 1, "NodesFiltered": 1, "ConstraintFiltered": {f"${{node.unique.id}} = {node}": 1}}
    names = ("first", "second", "third", "fourth")
    evaluation = {"ID": "e", "JobID": "web", "Status": "blocked", "FailedTGAllocs": {"g": why}}
    objects: list[tuple[str, str, dict[str, Any]]] = []
    for name in names:
        objects += [("Node", node, {"ID": node, "Name": name}), ("Evaluation", "e", evaluation)]
    lines = [
        orjson.dumps({"Index": index, "Events": [{"Topic": topic, "Key": key, "Payload": {topic: payload}}]})
        for index, (topic, key, payload) in enumerate(objects, 5)
    ]
    template = '{{ events|map(attribute="sentence")|list|json }}'
    batch = "[batch]\nmax_events = 8\nmax_wait = 60\n"
    (request,), _ = await run_over(tmp_path, lines, 8, template, batch)
    found = [next((name for name in names if name in sentence), "") for sentence in request.json[1::2]]
    assert found == list(names)


async def test_a_broken_template_file_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "text.j2"
    file.write_text("{{ oops")
    definition = msgspec.structs.replace(templated(""), template=None, template_file=file)
    sink = Webhook(definition, {})
    with pytest.raises(UnavailableError, match=r"text.j2, line 1: .*Correct the template"):
        await sink.deliver(delivery(items(most=1)))
    await sink.close()


# Mentions

MENTIONS = ("<!channel>", "<!here|x>", "@everyone", "@here", "<@U123>", "<at>Ann</at>", "<#C1>", "<!subteam^S1>")


@pytest.mark.parametrize("mention", MENTIONS)
async def test_nothing_in_the_cluster_mentions_people(mention: str) -> None:
    names = ("payload.Job.Name", "payload", "object.key", "sentence")
    template = "[" + ",".join(f"{{{{ {name}|json }}}}" for name in names) + "]"
    request = await sent(template, named(mention, Name=f"x {mention} y"))
    assert mention not in request.body.decode() and mention not in json.dumps(request.json)
    split = await sent(
        "{{ payload.Job.A }}{{ payload.Job.B }}", named("a", A=mention[:1], B=mention[1:]), content_type="text/plain"
    )
    assert mention not in split.body.decode()


async def test_the_author_of_a_template_may_mention_people() -> None:
    assert "<!channel>" in (await sent('{"text": "<!channel> look"}')).body.decode()


names = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
expressions = st.sampled_from(
    [
        "sentence",
        "payload",
        "object",
        "event",
        "summary",
        "changes",
        "cause",
        "payload.Job.Value",
        "job",
        "node",
        "level",
    ]
)
filters = st.sampled_from(["json", "string|json", "string|truncate(5)|json", "string|mrkdwn|json", "string|short|json"])


@settings(max_examples=60, deadline=None)
@given(names, values, st.lists(st.tuples(expressions, filters), min_size=1, max_size=4))
def test_any_event_and_template_make_valid_json_or_an_error(key: str, value: Any, parts: list[tuple[str, str]]) -> None:
    from nomad_tui.sinks.types.templates import DeliveryTemplate

    members = ",".join(f'"{at}": {{{{ {name}|{filters} }}}}' for at, (name, filters) in enumerate(parts))
    definition = templated(f"{{{members}}}")
    item = named(key, Value=value)
    try:
        text = DeliveryTemplate(definition).render(Delivery("d", (item,), "global"))
    except UndeliveredError as error:
        assert error.what.isprintable() and len(error.what) < 700
        return
    orjson.loads(text)
    assert not any(mention in text for mention in MENTIONS)


# Registering and previewing


def invoke(*arguments: str, text: str | None = None) -> Any:
    return CliRunner().invoke(main, arguments, input=text)


DEFINITION = """
id = "chat"
type = "webhook"
address = "https://chat.example.com/hook"
format = "template"
"""


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("template = '{{ sentence'", "template, line 1: `}}` is missing at the end."),
        ("template = '{{ sentense }}'", "there is no name `sentense`: write `sentence`."),
        ("template = '{{ object.nme|json }}'", "this event has no `nme` there. If it may be missing"),
        ("template = '{{ sentence|jsn }}'", "there is no filter `jsn`: write `json`."),
        ("template = '{% if level %}a'", "`if` is not closed: write {% endif %}."),
        ("template = '{% if level %}{% endfor %}'", "`endfor` does not close `if`: write {% endif %} before it."),
        ("", "`template` is missing"),
        ("template = 'a'\ntemplate_file = '/b'", "`template_file` and `template` are both set"),
    ],
)
def test_registering_checks_the_template(template: str, says: str, tmp_path: Path) -> None:
    done = invoke("sink", "register", "--config", str(tmp_path), "-", text=DEFINITION + template)
    assert done.exit_code == 2 and says in done.stderr
    assert not list(tmp_path.rglob("chat.toml"))


def test_a_preview_shows_what_would_be_sent(tmp_path: Path) -> None:
    assert (
        invoke("sink", "register", "--config", str(tmp_path), "-", text=f"{DEFINITION}template = '{TEXT}'").exit_code
        == 0
    )
    file = tmp_path / "tour.ndjson"
    file.write_bytes(b"\n".join(recordings.lines("tour")[:5]))
    done = invoke("sink", "preview", "--config", str(tmp_path), "chat", str(file))
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["text"].startswith("edge-1: registered")
