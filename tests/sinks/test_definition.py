"""A definition is parsed from TOML and JSON, its mistakes are located and explained, and it can be written back."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nomad_tui.config.fields import Dialect, keys
from nomad_tui.core.filter import Filter
from nomad_tui.core.level import Level
from nomad_tui.core.readable import parse_duration, parse_size, write_duration, write_size
from nomad_tui.core.subscription import Subscription
from nomad_tui.sinks.definition.definition import (
    Batch,
    Begin,
    Definition,
    Format,
    JetStream,
    Kind,
    Retry,
    Rotation,
    Sync,
    Tls,
)
from nomad_tui.sinks.definition.reading import DefinitionErrors, read_definition, read_with_notes
from nomad_tui.sinks.definition.writing import as_json, left_out, without_secrets, write_definition
from tests.randomized import times

WEBHOOK = 'id = "a"\ntype = "webhook"\naddress = "https://example.com"\n'
NATS = 'id = "a"\ntype = "nats"\naddress = "nats://127.0.0.1:4222"\n'
FILE = 'id = "a"\ntype = "file"\naddress = "/var/log/nomad.ndjson"\n'


def read(text: str) -> Definition:
    return read_definition(text, "deployments.toml", Path("/etc/nomad-tui/sinks/deployments.toml"))


def mistakes(text: str) -> list[str]:
    with pytest.raises(DefinitionErrors) as raised:
        read(text)
    reported = str(raised.value).split("\n")
    assert all(each.startswith("deployments.toml: ") for each in reported)
    return [each.removeprefix("deployments.toml: ") for each in reported]


def mistake(text: str) -> str:
    """The first mistake."""
    return mistakes(text)[0]


# Parsing


def test_the_object_of_the_beta_is_accepted_unchanged() -> None:
    text = """{"ID": "my-sink", "Type": "webhook", "Topics": {"Deployment": ["*"], "Alloc": ["web", "db"]},
               "Address": "http://127.0.0.1:9999/hook", "LatestIndex": 0, "CreateIndex": 5, "ModifyIndex": 7}"""
    reading = read_with_notes(text, "sink.json", None)
    assert reading.definition == Definition(
        "my-sink",
        Kind.WEBHOOK,
        "http://127.0.0.1:9999/hook",
        Subscription({"Deployment": frozenset("*"), "Allocation": frozenset(("web", "db"))}),
    )
    assert reading.notes == (
        "LatestIndex has no effect: the journal knows how far a sink has got.",
        "CreateIndex has no effect: it belongs to Nomad's own records.",
        "ModifyIndex has no effect: it belongs to Nomad's own records.",
    )


WHOLE_WEBHOOK = """
id = "deployments"
type = "webhook"
address = "https://example.com/hook?key=${KEY}"
topics = ["Deployment", "Job:web", "Alloc:db"]
namespaces = ["default", "web"]
filter = 'status:failed,lost -ns:dev'
format = "cloudevents"
headers = { Authorization = "Bearer ${TOKEN}", X-Key = "file:/run/secrets/key" }
secret = "${SECRET}"
redact = false
gaps = false
begin = "oldest"
timeout = "1m30s"
ordered = false
concurrency = 4
proxy = "http://proxy:3128"
[batch]
max_events = 100
max_wait = "500ms"
[retry]
max_attempts = 3
min_backoff = 2
max_backoff = "1h"
[tls]
ca_cert = "ca.pem"
client_cert = "~/cert.pem"
client_key = "/etc/key.pem"
server_name = "hook.internal"
skip_verify = true
"""


def test_every_setting_of_a_webhook_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert read(WHOLE_WEBHOOK) == Definition(
        "deployments",
        Kind.WEBHOOK,
        "https://example.com/hook?key=${KEY}",
        Subscription.parse(["Deployment", "Job:web", "Allocation:db"]),
        frozenset(("default", "web")),
        Filter.parse("status:failed,lost -ns:dev"),
        Format.CLOUDEVENTS,
        (("Authorization", "Bearer ${TOKEN}"), ("X-Key", "file:/run/secrets/key")),
        "${SECRET}",
        Batch(100, 0.5),
        90.0,
        Retry(3, 2.0, 3600.0),
        redact=False,
        gaps=False,
        begin=Begin.OLDEST,
        ordered=False,
        concurrency=4,
        tls=Tls(
            Path("/etc/nomad-tui/sinks/ca.pem"),
            Path("/home/ann/cert.pem"),
            Path("/etc/key.pem"),
            "hook.internal",
            True,
        ),
        proxy="http://proxy:3128",
    )


def test_every_setting_of_nats_is_read() -> None:
    found = read("""{"id": "a", "TYPE": "nats", "Address": ["nats://one:4222", "nats://two:4222"],
        "Topics": null, "NATS": {"Stream": "S", "Subject": "n.{region}.{key}", "Create": true, "MaxAge": "7d",
        "MaxBytes": "10GiB", "Replicas": 3, "DuplicateWindow": "2m", "NKey": "seed"}}""")
    assert found.address == "nats://one:4222,nats://two:4222"
    assert found.jetstream == JetStream(
        "S", "n.{region}.{key}", True, 604_800.0, 10 * 1024**3, 3, 120.0, nkey=Path("/etc/nomad-tui/sinks/seed")
    )


def test_every_setting_of_a_file_is_read() -> None:
    found = read("""
id = "log"
type = "file"
address = "../events.ndjson"
topics = { Job = "web", "*" = ["api"] }
namespaces = "*"
[file]
rotate_size = "100MiB"
rotate_age = "1d"
keep = 7
compress = false
fsync = "interval"
""")
    assert found.address == "/etc/nomad-tui/sinks/../events.ndjson"
    assert found.subscription == Subscription({"Job": frozenset(("web",)), "*": frozenset(("api",))})
    assert found.namespaces == frozenset()
    assert found.rotation == Rotation(100 * 1024**2, 86_400.0, 7, False, Sync.INTERVAL)


def test_omitted_settings_have_their_defaults() -> None:
    assert read('id = "out"\ntype = "stdout"') == Definition("out", Kind.STDOUT)
    assert read('{"ID": "out", "Type": "stdout", "Address": "", "Filter": ""}') == Definition("out", Kind.STDOUT)
    assert read(WEBHOOK).redact, "secrets are masked unless somebody sets that off"


def test_an_address_can_contain_variables() -> None:
    for address in ("${HOOK}", "https://${HOST}:${PORT}/${PATH}", "file:/run/secrets/hook"):
        assert read(f'id = "a"\ntype = "webhook"\naddress = "{address}"').address == address
    assert read('id = "a"\ntype = "file"\naddress = "${DIR}/x.ndjson"').address == "${DIR}/x.ndjson"
    assert read('id = "a"\ntype = "nats"\naddress = "${NATS}"').address == "${NATS}"


def test_the_working_directory_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    found = read(WEBHOOK + 'secret = "file:~/secret"\nheaders = { A = "file:key", B = "file:${KEYS}/b" }')
    assert found.secret == "file:/home/ann/secret"
    assert found.headers == (("A", "file:/etc/nomad-tui/sinks/key"), ("B", "file:${KEYS}/b"))
    assert "`headers.A` has no path" in mistake(WEBHOOK + 'headers = { A = "file:" }')


def test_the_duplicate_window_is_at_most_the_maximum_age() -> None:
    assert read(NATS + 'nats.max_age = "10m"').jetstream.duplicate_window == 600
    assert read(NATS + 'nats.max_age = "7d"').jetstream.duplicate_window == 3600


def test_an_unknown_topic_is_reported() -> None:
    reading = read_with_notes(WEBHOOK + 'topics = ["Deploymnet", "NodeDrain"]', "a.toml", None)
    assert reading.notes == ("No release of Nomad is known to publish the topic Deploymnet. Did you mean Deployment?",)


# Mistakes


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("", '`id` is missing: write id = "deployments".'),
        ("{}", '`ID` is missing: write "ID": "deployments".'),
        ('id = "a"', '`type` is missing: write type = "webhook"; there are webhook, file, stdout, nats, exec, slack,'),
        ("id = \n", "is not TOML: invalid value (at line 1, column 6)."),
        ('[{"ID": "a"}]', "is a list: write one object, for a file defines one sink."),
        ('[[sink]]\nid = "a"', "[[sink]] is for config.toml only; a file defines one sink."),
        ('{"ID": "a",}', "is not JSON: expecting property name enclosed in double quotes (at line 1, column 12)."),
        ('{"ID": "a"} x', "is not JSON: extra data (at line 1, column 13)."),
        ('{"ID": "a", "ID": "b"}', '"ID" is defined twice in one object'),
        ('{"ID": "a", "Id": "b"}', "`Id` is set twice: remove one."),
        ('{"ID": "\\ud800"}', "half of a surrogate pair is not a character"),
        ('{"ID": NaN}', "the number NaN is not valid in JSON"),
        ('{"ID": ' + "9" * 5000 + "}", "holds a number that is too long"),
        ('{"ID": ' + "[" * 100_000, "is nested too deeply"),
        ('id = "../a"', '`id` is "../a": write 1 to 64 of A-Z, a-z, 0-9, dot, _ and -, not beginning with a dot.'),
        ('id = ".a"', '`id` is ".a"'),
        (f'id = "{"a" * 65}"', "`id` is"),
        ("id = 3", "`id` is 3: write 1 to 64"),
        ('id = "a"\ntype = "kafka"', '`type` is "kafka": write "webhook", "file", "stdout", "nats", "exec", "slack",'),
        ('id = "a"\ntype = "webhook"', '`address` is missing: write address = "https://example.com/hook".'),
        ('{"ID": "a", "Type": "nats"}', '`Address` is missing: write "Address": "nats://127.0.0.1:4222".'),
        ('id = "a"\ntype = "webhook"\naddress = "ftp://x"', "addresses start with http://, https://: write"),
        ('id = "a"\ntype = "webhook"\naddress = "https://"', '`address` is "https://", without a host'),
        ('id = "a"\ntype = "webhook"\naddress = "https://x:99999"', "or with an invalid port"),
        ('id = "a"\ntype = "webhook"\naddress = "https://x/${A"', '`address` has an invalid variable'),
        ('id = "a"\ntype = "webhook"\naddress = "https://x y"', "with a space in it"),
        ('id = "a"\ntype = "webhook"\naddress = "https://x\\u001b"', "contains an invisible character"),
        ('id = "a"\ntype = "nats"\naddress = "nats://a,http://b"', '`address` is "http://b"; addresses start'),
        ('id = "a"\ntype = "nats"\naddress = ["nats://a", 3]', "`address[1]` is 3: write one server in quotes"),
        ('id = "a"\ntype = "file"\naddress = "/var/log/"', 'a folder: add the name of the file'),
        ('id = "a"\ntype = "file"\naddress = "x.json"', "in the folder of definitions"),
        ('id = "a"\ntype = "file"\naddress = "~nobody-of-that-name/x"', "there is no such user"),
        ('id = "a"\ntype = "exec"', '`command` is missing: write command = ["/usr/local/bin/page"]'),
        ('id = "a"\ntype = "exec"\ncommand = "page $KEY"', '`command` is "page $KEY", but commands do not run in'),
        ('id = "a"\ntype = "exec"\ncommand = ["page", 7]', "`command[1]` is 7: write a string in quotes"),
        ('id = "a"\ntype = "exec"\ncommand = ["page"]\ninherit = ["A=B"]', "write the name of a variable"),
        ('id = "a"\ntype = "exec"\ncommand = ["page"]\nenv = ["HOME"]', "write `inherit`"),
        ('id = "a"\ntype = "stdout"\naddress = "x"', "`address` is not a setting of sinks of type stdout: remove it"),
        (WEBHOOK + "retries = 3", "`retries` is not a setting of a sink: write `retry`, or leave it out."),
        (WEBHOOK + 'name = "b"', "`name` is not a setting of a sink: write `id`, or leave it out."),
        ('{"ID": "a", "Type": "webhook", "URL": "https://x"}', "write `Address`"),
        (WEBHOOK + "max_events = 3", "`max_events` is not a setting of a sink: write `batch.max_events`"),
        (WEBHOOK + "MaxEvents = 3", "write `batch.max_events`"),
        (WEBHOOK + "batch.max_event = 3", "`batch.max_event` is not a setting of a sink: write `batch.max_events`"),
        (WEBHOOK + "batch.size = 3", "`batch.size` is not a setting of a sink: its settings are max_events, max_wait."),
        (WEBHOOK + "frobnicate = 3", "remove it; the settings are id, type, address, topics,"),
        (WEBHOOK + "latestindex = 3", "`latestindex` is not a setting of a sink"),
        (WEBHOOK + "batch = 100", "`batch` is 100: write a table; its settings are max_events, max_wait."),
        (WEBHOOK + "batch.max_events = 0", "`batch.max_events` is 0: write a whole number from 1 to 10,000, without"),
        (WEBHOOK + 'batch.max_events = "100"', '`batch.max_events` is "100": write a whole number'),
        (WEBHOOK + "batch.max_events = true", "`batch.max_events` is true: write a whole number"),
        (WEBHOOK + 'batch.max_wait = "1 s"', '`batch.max_wait` is "1 s": write a duration such as "500ms"'),
        (WEBHOOK + 'timeout = "0s"', '`timeout` is "0s": write a duration from "1ms" to "1h".'),
        (WEBHOOK + "timeout = -1", "`timeout` is -1: write a duration from"),
        (WEBHOOK + "timeout = nan", "`timeout` is too large a number: write a duration"),
        (WEBHOOK + "timeout = 2026-01-01", "`timeout` is a date or time: write a duration"),
        (WEBHOOK + "retry.max_attempts = 0", "`retry.max_attempts` is 0"),
        (WEBHOOK + 'retry.max_backoff = "100ms"', "`retry.min_backoff`: write a longer `retry.max_backoff`."),
        (WEBHOOK + 'redact = "no"', '`redact` is "no": write true or false, without quotes.'),
        (WEBHOOK + "concurrency = 2", "`concurrency` is 2, and batches in order go one by one: set `ordered` to false"),
        (WEBHOOK + 'format = "xml"', '`format` is "xml": write "nomad", "event", "cloudevents", "tasks"'),
        (WEBHOOK + 'begin = "start"', '`begin` is "start": write "now" or "oldest".'),
        (WEBHOOK + 'filter = "web ("', '`filter` is not a valid filter at its end: Unclosed "(" at'),
        (WEBHOOK + "filter = 'a \"b'", '`filter` is not a valid filter at character 3, ""b"'),
        (WEBHOOK + "filter = 3", "`filter` is 3: write a filter in quotes"),
        (WEBHOOK + 'topics = "Job"', '`topics` is "Job": write a list, such as ["Deployment", "Job:web"].'),
        (WEBHOOK + 'topics = ["Job", ""]', "`topics[1]` is empty"),
        (WEBHOOK + 'topics = ["Job:"]', '`topics[0]` is "Job:": write Topic, Topic:* or Topic:key, such as Job:web.'),
        (WEBHOOK + 'topics = ["Job web"]', '`topics[0]` names the topic "Job web", and topics are single words'),
        (WEBHOOK + 'topics = { Job = ["web", 3] }', "`topics.Job[1]` is 3: write a key in quotes"),
        (WEBHOOK + "topics = { Job = [] }", '`topics.Job` is an empty list: write ["*"] for all keys'),
        (WEBHOOK + 'topics = { Job = ["a:b"] }', "`topics.Job[0]` has a key with a colon"),
        ('{"ID": "a", "Type": "stdout", "Topics": {"Job": [""]}}', "`Topics.Job[0]` is empty"),
        ('{"ID": "a", "Type": "stdout", "Batch": {"max_events": 3}}', "write `Batch.MaxEvents`, or leave it out."),
        (WEBHOOK + 'namespaces = ["web", ""]', "`namespaces[1]` is empty"),
        (WEBHOOK + 'headers = { Host = "x" }', "`headers.Host` is a header that nomad-tui sets itself: leave it out."),
        (WEBHOOK + 'headers = { Webhook-Id = "x" }', "is a header that nomad-tui sets itself"),
        (WEBHOOK + 'headers = { "a b" = "x" }', "`headers.a b` is not a header name"),
        (WEBHOOK + 'headers = { A = "x", a = "y" }', "`headers.a` is defined twice"),
        (WEBHOOK + "headers = { A = 3 }", "`headers.A` is 3: write a string in quotes."),
        (WEBHOOK + 'headers = { A = "x\\r\\nB: y" }', "holds a control character"),
        (WEBHOOK + 'headers = { A = "${1}" }', "`headers.A` has an invalid variable"),
        (WEBHOOK + 'secret = "hunter2!"', "`secret` is not a Standard Webhooks secret"),
        (WEBHOOK + 'proxy = "proxy:3128"', "`proxy` is"),
        (WEBHOOK + 'tls.client_key = "k"', "`tls.client_key` needs `tls.client_cert`"),
        (WEBHOOK + 'tls.ca_cert = "${CA}"', "variables are not expanded here: write the path itself"),
        (WEBHOOK + 'tls.ca_cert = "a\\u0000"', "which cannot be a file name"),
        (WEBHOOK + 'file.rotate_size = "1MiB"', "`file` is for sinks of type file, and this one is webhook: remove"),
        (FILE + "nats.create = true", "`nats` is for sinks of type nats"),
        (FILE + 'headers = { A = "b" }', "`headers` is not a setting of sinks of type file: remove it"),
        (FILE + 'file.rotate_size = "100"', 'write a size with its unit, such as "100MiB"'),
        (FILE + 'file.rotate_size = "100 apples"', '`file.rotate_size` is "100 apples": write a size such as'),
        (FILE + 'file.fsync = "always"', '`file.fsync` is "always": write "batch", "interval" or "never".'),
        (FILE + "file.keep = 0", "`file.keep` is 0"),
        (NATS + 'nats.subject = "n.{foo}"', '`nats.subject` names "{foo}": the placeholders are {region}, {topic}'),
        (NATS + 'nats.subject = "n.{topic!r}"', "the placeholders are {region}"),
        (NATS + 'nats.subject = "n.{topic"', "with a brace that has no other"),
        (NATS + 'nats.subject = "n..{topic}"', "write words with single dots between"),
        (NATS + 'nats.subject = "n.>"', "without spaces, * and >"),
        (NATS + 'nats.stream = "a.b"', "`nats.stream` is"),
        (NATS + 'nats.max_age = "1m"\nnats.duplicate_window = "2m"', "longer than `nats.max_age`, which NATS refuses"),
        (NATS + 'nats.nkey = "a"\nnats.credentials = "b"', "`nats.nkey` and `nats.credentials` are both set"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_position_and_a_fix(text: str, reported: str) -> None:
    assert reported in mistake(text)


def test_a_mistake_shows_no_secret() -> None:
    assert "hunter2" not in mistake(WEBHOOK + 'secret = "hunter2!"')
    assert "hunter2" not in mistake('id = "a"\ntype = "webhook"\naddress = "ftp://ann:hunter2@example.com"')
    assert "hunter2" not in mistake(WEBHOOK + 'headers = { A = "hunter2\\n" }')


def test_a_mistake_names_the_sink_that_it_affects() -> None:
    with pytest.raises(DefinitionErrors) as raised:
        read_definition('{"Id": "deployments", "Type": "webhok"}', "x.json", Path("/x/x.json"))
    [error] = raised.value.errors
    assert (error.sink, error.place, error.origin) == ("deployments", "Type", Path("/x/x.json"))


def test_every_mistake_is_reported_at_once() -> None:
    reported = mistakes(
        'id = "a"\ntype = "webhook"\nretries = 3\ntimeout = "1 h"\nbatch.max_events = 0\nnats.create = true'
    )
    assert [each.partition(" ")[0] for each in reported] == [
        "`retries`",
        "`timeout`",
        "`batch.max_events`",
        "`nats`",
        "`address`",
    ]
    assert mistakes('id = "a"\ntype = "webhook"\nurl = "https://x"') == [
        "`url` is not a setting of a sink: write `address`, or leave it out."
    ], "what is meant by another name is not missed as well"


@settings(max_examples=times(60))
@given(st.text(max_size=200) | st.builds(WEBHOOK.__add__, st.text(max_size=100)))
def test_any_text_raises_only_definition_errors(text: str) -> None:
    try:
        read(text)
    except DefinitionErrors as error:
        assert all(str(each).isprintable() for each in error.errors)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=times(60))
@given(st.sampled_from(Kind), st.sampled_from(keys(Definition)), ANYTHING)
def test_any_value_raises_only_definition_errors(kind: Kind, key: Any, value: object) -> None:
    address = {Kind.WEBHOOK: "https://x", Kind.FILE: "/x", Kind.STDOUT: "", Kind.NATS: "nats://x"}.get(
        kind, "https://x"
    )
    table, dot, member = Dialect.JSON.spelled(key.name).partition(".")
    needs: dict[Kind, dict[str, object]] = {
        Kind.PAGERDUTY: {"RoutingKey": "key"},
        Kind.EXEC: {"Command": ["page"]},
    }
    needed = needs.get(kind, {})
    if kind is not Kind.EXEC:
        needed = {"Address": address, **needed}
    content = {"ID": "a", "Type": kind, **needed, table: {member: value} if dot else value}
    try:
        read(json.dumps(content))
    except DefinitionErrors as error:
        assert table in str(error) or "JSON" in str(error)


# Writing


def paths() -> st.SearchStrategy[Path | None]:
    return st.none() | st.sampled_from([Path("/etc/a.pem"), Path("/b/ c'\"\\.pem")])


def durations(smallest: float, largest: float) -> st.SearchStrategy[float]:
    return st.floats(smallest, largest) | st.integers(math.ceil(smallest), int(largest)).map(float)


words = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,10}", fullmatch=True)
subscriptions = st.dictionaries(
    words | st.sampled_from(["Deployment", "Allocation", "NodeDrain"]),
    st.just(frozenset("*")) | st.frozensets(words, min_size=1, max_size=3),
    max_size=3,
).map(lambda topics: Subscription.parse(f"{topic}:{key}" for topic, keys in topics.items() for key in keys))
filters = st.sampled_from(["", "web", "status:failed,lost -ns:dev", 'JobID matches "^we\\"b"', "/a'b/i or ~'''"]).map(
    Filter.parse
)
FOR_ALL: dict[str, Any] = {
    "id": st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", fullmatch=True),
    "subscription": subscriptions,
    "namespaces": st.frozensets(words, max_size=3),
    "filter": filters,
    "format": st.sampled_from([each for each in Format if each is not Format.TEMPLATE]),
    "level": st.none() | st.sampled_from(Level),
    "web_ui": st.none() | st.just("https://nomad.example.com"),
    "batch": st.builds(Batch, st.integers(1, 10_000), durations(0, 3600)),
    "timeout": durations(0.001, 3600),
    "retry": st.builds(Retry, st.integers(1, 1000), durations(0.001, 10), durations(10, 86_400)),
    "redact": st.booleans(),
    "gaps": st.booleans(),
    "begin": st.sampled_from(Begin),
    "ordered": st.just(False),
    "concurrency": st.integers(1, 100),
}
tls = st.builds(Tls, paths(), st.just(Path("/cert")), paths(), st.none() | st.just("host"), st.booleans())
definitions = st.one_of(
    st.builds(
        Definition,
        kind=st.just(Kind.WEBHOOK),
        address=st.sampled_from(["https://example.com/a?b=c", "http://ann:pw@[::1]:80", "${A}"]),
        headers=st.dictionaries(words.map(str.upper), st.sampled_from(["x", "Bearer ${T}", "file:/x"]), max_size=2).map(
            lambda headers: tuple(headers.items())
        ),
        secret=st.none() | st.sampled_from(["whsec_c2VjcmV0", "${S}", "file:/s"]),
        proxy=st.none() | st.just("http://proxy:3128"),
        tls=tls,
        **FOR_ALL,
    ),
    st.builds(
        Definition,
        kind=st.just(Kind.FILE),
        address=st.sampled_from(["/var/log/x.ndjson", "${D}/x"]),
        rotation=st.builds(
            Rotation,
            st.none() | st.integers(1024, 1 << 60),
            st.none() | durations(1, 1e6),
            st.none() | st.integers(1, 1000),
            st.booleans(),
            st.sampled_from(Sync),
        ),
        **FOR_ALL,
    ),
    st.builds(Definition, kind=st.just(Kind.STDOUT), **FOR_ALL),
    st.builds(
        Definition,
        kind=st.just(Kind.EXEC),
        command=st.lists(words, min_size=1, max_size=3).map(tuple),
        inherit=st.sampled_from([frozenset(), frozenset(("NOMAD_TOKEN", "PAGER_KEY"))]),
        **FOR_ALL,
    ),
    st.builds(
        Definition,
        kind=st.just(Kind.NATS),
        address=st.just("nats://a:4222,tls://b"),
        tls=tls,
        jetstream=st.builds(
            JetStream,
            words,
            st.sampled_from(["nomad.{topic}", "a.{region}{key}"]),
            st.booleans(),
            st.none() | durations(3600, 1e6),
            st.none() | st.integers(1024, 1 << 60),
            st.integers(1, 5),
            durations(0.1, 3600),
            paths(),
        ),
        **FOR_ALL | {"format": st.sampled_from([Format.NOMAD, Format.EVENT, Format.CLOUDEVENTS])},
    ),
)


@settings(max_examples=times(60))
@given(definitions)
def test_a_written_definition_parses_back_to_the_same(definition: Definition) -> None:
    assert read(write_definition(definition)) == definition
    assert read(json.dumps(as_json(definition))) == definition


def test_only_settings_that_differ_from_defaults_are_written() -> None:
    definition = read(WEBHOOK + 'timeout = "10s"\nbatch.max_events = 100\ntopics = ["Deployment"]')
    assert write_definition(definition) == WEBHOOK + 'topics = [\n    "Deployment",\n]\n\n[batch]\nmax_events = 100\n'
    assert as_json(definition) == {
        "ID": "a",
        "Type": "webhook",
        "Address": "https://example.com",
        "Topics": {"Deployment": ["*"]},
        "Batch": {"MaxEvents": 100},
    }
    unwritten = list(left_out(definition))
    assert 'timeout = "10s"' in unwritten
    assert "batch.max_events = 1" not in unwritten
    assert not [line for line in unwritten if line.startswith(("file.", "nats."))]


def test_literal_secrets_are_masked_and_references_to_secrets_are_not() -> None:
    definition = replace(
        read(WEBHOOK),
        address="https://ann:hunter2@example.com/hook?token=hunter2",
        proxy="http://ann:hunter2@proxy",
        secret="whsec_aHVudGVyMg==",
        headers=(
            ("Authorization", "Bearer hunter2"),
            ("X-Mixed", "hunter2 ${KEY}"),
            ("X-Variable", "Bearer ${TOKEN}"),
            ("X-File", "file:/run/key"),
            ("X-Escaped", "$${hunter2}"),
        ),
    )
    masked = without_secrets(definition)
    assert "hunter2" not in write_definition(masked) + json.dumps(as_json(masked))
    assert "aHVudGVyMg" not in write_definition(masked)
    assert dict(masked.headers)["X-Variable"] == "Bearer ${TOKEN}"
    assert dict(masked.headers)["X-File"] == "file:/run/key"
    assert "example.com/hook" in masked.address
    assert without_secrets(replace(definition, secret="${S}")).secret == "${S}"


def test_the_location_of_a_definition_does_not_affect_equality() -> None:
    definition = read(WEBHOOK)
    moved = replace(definition, origin=None)
    assert (definition == moved, definition != moved) == (True, False), "a sink whose definition is the same runs on"
    assert definition != replace(definition, timeout=11.0)


def test_the_repr_of_a_definition_contains_no_secret() -> None:
    assert "whsec" not in repr(read(WEBHOOK + 'secret = "whsec_c2VjcmV0"'))


# Quantities


@given(st.floats(0, 1e9))
def test_a_written_duration_parses_back_to_the_same(seconds: float) -> None:
    written = write_duration(seconds)
    assert (parse_duration(written, milliseconds=True) if isinstance(written, str) else written) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "500ms"), (5400, "1h30m"), (604_800, "7d"), (0, "0s"), (90.25, "1m30s250ms")]
)
def test_durations_are_written_as_people_do(seconds: float, text: str) -> None:
    assert write_duration(seconds) == text


@given(st.integers(0, 1 << 60))
def test_a_written_size_parses_back_to_the_same(size: int) -> None:
    written = write_size(size)
    assert (parse_size(written) if isinstance(written, str) else written) == size
