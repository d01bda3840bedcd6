"""An event as JSON, as jq paths, and as shell commands: exact, and safe for any object name in the cluster."""

import json
import shlex
import subprocess
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.core.export.reproduce import (
    Envelope,
    Server,
    allocation_commands,
    command,
    curl,
    event_curl,
    jq_path,
    json_text,
    object_name,
    web_link,
)
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.payload import Path, RawText, Value, parse
from nomad_tui.core.wire import Frame, decode
from tests import recordings

SERVER = Server("https://nomad.example.com:4646")
ALLOCATION = "3f2a91c4-0000-4000-8000-000000000001"


def envelope(topic: str = "Job", key: str = "web", namespace: str = "payments", index: int = 1204) -> Envelope:
    return Envelope(index, topic, "JobRegistered", key, namespace)


# JSON


@pytest.mark.parametrize("name", ["tour", "hostile", "large-job"])
def test_json_equals_what_the_server_sent(name: str) -> None:
    seen = 0
    for line in recordings.lines(name):
        found = decode(line)
        for event in found.events if isinstance(found, Frame) else ():
            value = parse(bytes(event.payload)).value
            text = json_text(value)
            if isinstance(value, RawText):
                continue
            assert parse(text.encode()).value == value
            seen += 1
    assert seen


def test_json_keeps_odd_numbers_repeated_keys_and_sorts_the_others() -> None:
    text = '{"b":1e400,"a":{"x":1,"x":-0},"c":[],"d":{},"e":[true,null,1.50]}'
    assert json_text(parse(text.encode()).value) == (
        '{\n  "a": {\n    "x": 1,\n    "x": -0\n  },\n  "b": 1e400,\n  "c": [],\n  "d": {},\n'
        '  "e": [\n    true,\n    null,\n    1.50\n  ]\n}'
    )


def test_json_contains_no_control_characters() -> None:
    value = parse(rb'{"a\u001b":"\u009b31m \u202e \ud800 \u2028 \u00e9 \n"}').value
    text = json_text(value)
    assert text.replace("\n", "").isprintable()
    assert "é" in text
    assert parse(text.encode()).value == value


def test_json_of_a_payload_nested_900_deep() -> None:
    deep = "[" * 900 + "]" * 900
    assert "".join(json_text(parse(deep.encode()).value).split()) == deep


# jq


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ((), "."),
        (("Job", "TaskGroups", 0, "Env", "odd key"), '.Job.TaskGroups[0].Env["odd key"]'),
        (("os.name",), '.["os.name"]'),
        (("Job", 'q"\\(1)'), '.Job["q\\"\\\\(1)"]'),
        (("Job", "\x1b\n"), '.Job["\\u001b\\n"]'),
        (("Job", "1st"), '.Job["1st"]'),
        (("Job", ""), '.Job[""]'),
        (("Job", "missing"), None),
        (("Job", "TaskGroups", 3), None),
    ],
)
def test_jq_path(path: Path, written: str | None) -> None:
    job: Value = {"TaskGroups": [{"Env": {"odd key": "1"}}], 'q"\\(1)': 1, "\x1b\n": 2, "1st": 3, "": 4}
    payload: Value = {"Job": job, "os.name": "linux"}
    assert jq_path(path, payload) == written


def test_a_list_at_the_top_and_repeated_keys() -> None:
    assert jq_path((0, 1), [[1, 2]]) == ".[0][1]"
    repeated = parse(b'{"a":{"x":1,"x":2,"y":{"z z":3}}}').value
    assert jq_path(("a", "x"), repeated) is None
    assert jq_path(("a", 1), repeated) is None
    assert jq_path(("a", "y", "z z"), repeated) == '.a.y["z z"]'
    assert jq_path((0,), parse(b"nonsense").value) is None


# curl


def test_an_object_is_read_from_its_own_endpoint() -> None:
    assert curl(envelope("Allocation", ALLOCATION, ""), ALLOCATION, SERVER) == (
        f"curl https://nomad.example.com:4646/v1/allocation/{ALLOCATION}"
    )
    assert curl(envelope(), "web", SERVER) == (
        "curl 'https://nomad.example.com:4646/v1/job/web?namespace=payments'"
    )  # fmt: skip
    dispatched = curl(envelope(), "batch/dispatch-1 é", Server("http://10.0.0.1:4646", region="eu west"))
    assert dispatched == (
        "curl 'http://10.0.0.1:4646/v1/job/batch%2Fdispatch-1%20%C3%A9?namespace=payments&region=eu%20west'"
    )
    assert curl(envelope("Variable", "nomad/jobs/web", "default"), "nomad/jobs/web", SERVER) == (
        "curl https://nomad.example.com:4646/v1/var/nomad/jobs/web"
    )


def test_every_topic_with_an_object_has_an_endpoint_and_a_command() -> None:
    for topic in KINDS.values():
        line, shown = curl(envelope(topic.name), "x", SERVER), command(envelope(topic.name), "x")
        assert line is not None
        if topic.name == "Operator":
            assert "/v1/event/stream" in line
            assert shown is None
        else:
            assert shown is not None
            assert "/x" in line and shlex.split(shown)[-1] == "x"


def test_the_event_itself_is_requested_from_the_stream() -> None:
    assert event_curl(envelope("Allocation"), SERVER) == (
        "curl -N 'https://nomad.example.com:4646/v1/event/stream?index=1204&topic=Allocation&namespace=payments'"
    )
    assert curl(envelope("Quota", "x", ""), "x", SERVER) == (
        "curl -N 'https://nomad.example.com:4646/v1/event/stream?index=1204&topic=Quota'"
    )


def test_the_command_has_the_connections_settings_but_no_secret() -> None:
    server = Server(
        "https://10.0.0.1:4646",
        sends_token=True,
        user="me",
        ca_cert="/etc/my ca.pem",
        client_cert="/c.pem",
        client_key="/k.pem",
        tls_server_name="server.global.nomad",
        proxy_variable="HTTPS_PROXY",
    )
    assert curl(envelope("Node", "n1", ""), "n1", server) == (
        "curl --cacert '/etc/my ca.pem' --cert /c.pem --key /k.pem --connect-to ::10.0.0.1:4646 --user me "
        '--proxy "$HTTPS_PROXY" -H "X-Nomad-Token: $NOMAD_TOKEN" https://server.global.nomad:4646/v1/node/n1'
    )
    assert curl(envelope("Node"), "n1", Server("http://127.0.0.1", socket="/run/nomad.sock", ca_cert="/x")) == (
        "curl --unix-socket /run/nomad.sock http://127.0.0.1/v1/node/n1"
    )
    insecure = curl(envelope("Node"), "n1", Server("https://h:1", skip_verify=True, ca_path="/certs"))
    assert insecure == "curl --capath /certs --insecure https://h:1/v1/node/n1"


@pytest.mark.parametrize("name", ["web\nrm -rf ~", "a\x1b[2J", "a\u202eb", "", "..", ".", "\ud800"])
def test_a_name_unsafe_for_a_command_gives_none(name: str) -> None:
    assert curl(envelope(key=name), name, SERVER) is None
    if name not in ("..", "."):
        assert command(envelope(key=name), name) is None
    if name:
        assert (event_curl(envelope(namespace=name), SERVER) is None) == (name not in ("..", "."))


@given(st.text(min_size=1, max_size=12), st.text(max_size=8), st.sampled_from([*KINDS]))
def test_a_shell_parses_every_line_as_one_command_with_unchanged_names(name: str, namespace: str, topic: str) -> None:
    of = envelope(topic, name, namespace)
    for line in (curl(of, name, SERVER), event_curl(of, SERVER)):
        if line is not None:
            assert line.isprintable()
            url = urlsplit(shlex.split(line)[-1])
            assert url.netloc == "nomad.example.com:4646"
            query = dict(parse_qsl(url.query, strict_parsing=bool(url.query)))
            assert query.get("namespace", namespace) == namespace
            if not url.path.endswith("/event/stream"):
                assert unquote(url.path).endswith(f"/{name}")
    shown = command(of, name)
    if shown is not None:
        words = shlex.split(shown)
        assert words[0] == "nomad" and words[-1] == name
        assert namespace in words or not namespace or "-namespace" not in words


@pytest.mark.parametrize("name", ["$(touch x)", "`id`", "a;b", "a'b", "-purge", "*", "a b", "$HOME", "é", "!x", "a&b"])
def test_a_real_shell_gives_the_name_back(name: str) -> None:
    line = command(envelope(key=name, namespace=name), name)
    assert line is not None
    asked = subprocess.run(
        ["sh", "-c", f"nomad() {{ printf '%s\\n' \"$@\"; }}; {line}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    words = asked.stdout.splitlines()
    assert words[-1] == name
    assert words[words.index("-namespace") + 1] == name


# nomad


@pytest.mark.parametrize(
    ("topic", "key", "line"),
    [
        ("Allocation", ALLOCATION, f"nomad alloc status -namespace payments {ALLOCATION}"),
        ("Evaluation", "e1", "nomad eval status -namespace payments e1"),
        ("Deployment", "d1", "nomad deployment status -namespace payments d1"),
        ("Node", "n1", "nomad node status n1"),
        ("Job", "web", "nomad job status -namespace payments web"),
        ("Variable", "a/b", "nomad var get -namespace payments a/b"),
        ("HostVolume", "v1", "nomad volume status -type host -namespace payments v1"),
        ("CSIVolume", "v1", "nomad volume status -type csi -namespace payments v1"),
        ("CSIPlugin", "ebs", "nomad plugin status ebs"),
        ("NodePool", "gpu", "nomad node pool info gpu"),
        ("ACLToken", "a1", "nomad acl token info a1"),
        ("ACLAuthMethod", "oidc", "nomad acl auth-method info oidc"),
        ("ACLBindingRule", "r1", "nomad acl binding-rule info r1"),
        ("Job", "-purge", "nomad job status -namespace payments -- -purge"),
    ],
)
def test_the_command_for_an_object(topic: str, key: str, line: str) -> None:
    assert command(envelope(topic, key), key) == line


def test_a_command_contains_settings_that_the_shell_lacks() -> None:
    server = Server("https://h:4646", region="eu", ca_cert="/ca.pem", skip_verify=True, sends_token=True)
    assert command(envelope("Node", "n1"), "n1", server) == (
        "nomad node status -address https://h:4646 -region eu -ca-cert /ca.pem -tls-skip-verify n1"
    )
    known = Server("https://h:4646", region="eu", known=frozenset(("address", "region")))
    assert command(envelope("Node", "n1"), "n1", known) == "nomad node status n1"
    assert command(envelope("Node", "n1"), "n1", Server("http://127.0.0.1", socket="/run/n.sock")) == (
        "nomad node status -address unix:///run/n.sock n1"
    )


def test_a_service_is_requested_by_name_not_by_a_registrations_key() -> None:
    payload: Any = json.loads('{"Service":{"ID":"_nomad-task-1","ServiceName":"web"}}')
    of = envelope("Service", "_nomad-task-1")
    assert object_name(of, payload) == "web"
    assert command(of, "web") == "nomad service info -namespace payments web"
    assert object_name(of, None) == ""
    assert command(of, "") is None
    assert object_name(envelope("Job", "web"), None) == "web"


# Commands for other programs


def test_the_commands_for_an_allocation_name_the_relevant_task() -> None:
    found = Envelope(1, "Allocation", "AllocationUpdated", ALLOCATION, "payments", ("web", ""))
    states = {"a": {"Failed": False}, "b": {"Failed": True}}
    payload: Value = {"Allocation": {"TaskStates": states}}  # type: ignore[dict-item]
    known = Server(SERVER.address, known=frozenset(("address",)))
    of_failed = allocation_commands(found, payload, (), known)
    assert of_failed.logs == f"nomad alloc logs -namespace payments -f -task b {ALLOCATION}"
    assert of_failed.shell == f"nomad alloc exec -namespace payments -task b {ALLOCATION} /bin/sh"
    assert of_failed.status == f"nomad alloc status -namespace payments {ALLOCATION}"
    of_cursor = allocation_commands(found, payload, ("Allocation", "TaskStates", "a", "State"), known)
    assert of_cursor.logs == f"nomad alloc logs -namespace payments -f -task a {ALLOCATION}"
    node = allocation_commands(Envelope(1, "Node", "NodeDrain", "n-1"), {}, (), known)
    assert (node.logs, node.status) == (None, "nomad node status -allocs n-1")
    for odd in ("-rf", "a\x1bb"):
        assert allocation_commands(envelope(key=odd), {}, (), known).logs is None
        assert allocation_commands(Envelope(1, "Node", "NodeDrain", odd), {}, (), known).status is None


@pytest.mark.parametrize(
    ("found", "page"),
    [
        (envelope(), "jobs/web@payments"),
        (envelope(key="a/b c"), "jobs/a%2Fb%20c@payments"),
        (Envelope(1, "Deployment", "", "d", "payments", ("web",)), "jobs/web@payments/deployments"),
        (Envelope(1, "Variable", "", "nomad/jobs", "default"), "variables/var/nomad%2Fjobs@default"),
        (Envelope(1, "Node", "", "n"), "clients/n"),
    ],
)
def test_the_web_link_points_to_the_objects_page(found: Envelope, page: str) -> None:
    assert web_link(found, found.key, SERVER) == f"https://nomad.example.com:4646/ui/{page}"
