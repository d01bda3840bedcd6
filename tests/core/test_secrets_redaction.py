"""An event is masked value by value exactly as its decoded value would be, byte for byte."""

import json
import re
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nomad_tui.core.payload import Members, RawText, Value, parse
from nomad_tui.core.secrets import REDACTED, masked, redact
from nomad_tui.core.secrets.redaction import redact_frame
from nomad_tui.core.wire import Frame, decode
from tests import recordings
from tests.bench import masking
from tests.randomized import times

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[^\s{}\[\],:"]+', re.DOTALL)

MAX_RATIO_TO_DECODING = 8
"""Limit relative to `orjson.loads`; 1.8 is measured, and masking the decoded value takes 18."""


def by_value(payload: bytes) -> bytes:
    """Return the expected result of `redact`: the decoded value masked by the rules, each changed scalar replaced."""
    value = parse(payload).value
    if isinstance(value, RawText):
        return TOKEN.sub(lambda found: found[0] if found[1] is not None else b'"%s"' % REDACTED.encode(), payload)
    pairs = zip(scalars(value), scalars(masked(value)), strict=True)

    def replaced(found: re.Match[bytes]) -> bytes:
        if found[1] is not None:
            return found[0]
        before, after = next(pairs)
        return found[0] if before is after else json.dumps(after, ensure_ascii=False).encode("utf-8", "replace")

    return TOKEN.sub(replaced, payload)


def scalars(value: Value) -> Iterator[Value]:
    """Return the scalars of a value in text order."""
    if isinstance(value, dict):
        return chain.from_iterable(map(scalars, value.values()))
    if isinstance(value, list):
        return chain.from_iterable(map(scalars, value))
    if isinstance(value, Members):
        return chain.from_iterable(scalars(member) for _, member in value)
    return iter((value,))


@pytest.mark.parametrize("name", ["tour", "beta", "hostile", "load", "large-job"])
def test_every_recorded_event_is_masked_as_its_value_would_be(name: str) -> None:
    count = 0
    for line in recordings.lines(name):
        frame = decode(line)
        for event in frame.events if isinstance(frame, Frame) else ():
            payload = bytes(event.payload)
            assert redact(payload) == by_value(payload)
            count += 1
        if isinstance(frame, Frame):
            texts = frame.event_texts()
            assert redact_frame(frame, texts) == [redact(text) for text in texts]
    assert count > 20


@pytest.mark.parametrize("name", ["tour", "beta", "hostile"])
def test_other_and_truncated_text_is_masked_as_its_value_would_be(name: str) -> None:
    for number, line in enumerate(recordings.lines(name)):
        if len(line) < 20_000:
            cut = line[: len(line) * (number % 7) // 7]
            assert redact(line) == by_value(line)
            assert redact(cut) == by_value(cut)


KEYS = (
    "ID", "Name", "name", "Key", "key", "Value", "value", "Envvars", "EmbeddedTmpl", "Templates", "Env", "env", "E_nv",
    "Environment", "Environments", "SecretsMB", "SecretsMBx", "Secrets", "secret", "SigningKeyID", "SigningKey",
    "signing_keys", "Signing KeyID", "IdentitySigningKeyID", "NomadTokenID", "Token", "toKen", "DB_PASS", "PassThrough",
    "auth", "AuthMethod", "api.key", "apiKey", "Monkey", "TokenTTL", "a token", "Author", "cred", "accreditation",
    "pwd", "p-rivate_k.ey", "connection string", "SignedIdentities", "", "é", "Kelvin\u212aey", "api\u212aey",
    "\"token", "to\\ken", "auth" + "-" * 200 + "Method", "-" * 193 + "SigningKeyID", "-" * 193 + "SecretsMB",
    "-" * 197 + "environs", "--token",
)  # fmt: skip
PARTS = (
    "a", " ", "password", "=", "token", ":", "hunter2", "--token ", "-secret", "-", "://", "u:p@", "@", "/", "\n", "\t",
    '"', "\\", "'", "bearer ", "abcdefghijkl", "{", "}", "[", "]", '{"Env":{"A":"1"}}', '["--token","x"]', "key", ",",
    "{{ with secret }}", "${X}", "<redacted>", "&", "\u2028", "é", "\u212a", "\u017f", "\ud800", "\0", "😀", "Env",
    "env", "api", "_", "Authorization", "x\\u0074oken", '":', "\\", "\\\"",
)  # fmt: skip
OTHERS = ("null", "true", "false", "0", "-0", "1e400", "12", "NaN", "1" * 50, '""', "{}", "[ ]", '[""]', '{"a":null}')

spaces = st.sampled_from(("", "", "", "", " ", "\n", "\t \r"))


@st.composite
def written(draw: st.DrawFn, text: str) -> str:
    """Return JSON text in which some characters are escaped unnecessarily."""
    escapes = draw(st.sampled_from((None, None, None, "a", "t", "E", "-", "{", "/", '"', "<")))
    plain = json.dumps(text, ensure_ascii=draw(st.booleans()))[1:-1]
    if escapes == "/":
        plain = plain.replace("/", "\\/")
    elif escapes == '"':
        plain = plain.replace('\\"', "\\u0022")
    elif escapes is not None and "\\" not in plain:
        plain = plain.replace(escapes, f"\\u{ord(escapes):04x}")
    return f'"{plain}"'


texts = st.one_of(
    st.sampled_from(KEYS), st.sampled_from(PARTS), st.lists(st.sampled_from(PARTS), max_size=7).map("".join)
).flatmap(written)
keys = st.one_of(st.sampled_from(KEYS), st.sampled_from(KEYS[:20]), st.sampled_from(PARTS)).flatmap(written)


def containers(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.tuples(spaces, keys, spaces, st.just(":"), spaces, values, spaces).map("".join)
    item = st.tuples(spaces, values, spaces).map("".join)
    return st.one_of(
        st.lists(member, max_size=5).map(lambda members: f"{{{','.join(members)}}}"),
        st.lists(item, max_size=4).map(lambda items: f"[{','.join(items)}]"),
        st.tuples(st.sampled_from(("", '"ID":"x",')), values, st.sampled_from(("true", "false", "true "))).map(
            lambda parts: f'{{{parts[0]}"EmbeddedTmpl":{parts[1]},"Envvars":{parts[2]}}}'
        ),
        st.lists(values, max_size=2).map(lambda items: f'{{"Templates":[{",".join(items)}],"Env":{{"A":"1"}}}}'),
        st.tuples(keys, values).map(lambda pair: f'{{"Name":{pair[0]},"Value":{pair[1]}}}'),
    )


payloads = st.recursive(st.one_of(texts, texts, st.sampled_from(OTHERS)), containers, max_leaves=12)


@pytest.mark.parametrize(
    "payload",
    [
        '["pa\u017f\u017fword=hunter2 auth"]',
        '["to\u212aen=hunter2"]',
        '["--pwd", "hunter2"]',
        '["--\\u0070wd" , "hunter2"]',
        '{"pa\\u0073s":"hunter2"}',
        '"http:\\/\\/u:hunter2@h"',
        '"pass\\u0077ord=hunter2"',
        '"Bearer hunter2hunter2"',
        '"{\\"Env\\":{\\"A\\":\\"hunter2\\"}}"',
        '{"env":{"a":[{"b":"hunter2","":""}]},"E_nv":"hunter2","Token":{"TokenTTL":"hunter2"}}',
        '{"key":"p\\u0077d","value":"hunter2"}',
        '{"Name":"pwd","Value":{"a":"hunter2"}}',
        '{"Templates":[{"EmbeddedTmpl":"hunter2 password=hunter2","Envvars":true}],"Env":{"A":"hunter2"}}',
        '{"Templates":[{}],"x":{"EmbeddedTmpl":"hunter2","Envvars":true}}',
        '{"x":{"EmbeddedTmpl":"hunter2","Envvars" : true}}',
        '{"x":"Templates\\":[","EmbeddedTmpl":"hunter2","Envvars":true}',
        '{"SecretsMBx":"hunter2","SecretsM":"hunter2","SigningKey":"hunter2","signing_key":"hunter2"}',
        '{"Signing-Key":[["hunter2"]], "SecretsM-B":{"a":"hunter2"}, "tls  keys":[ "hunter2"]}',
    ],
)
def test_a_secret_is_found_in_any_notation(payload: str) -> None:
    assert b"hunter2" not in redact(payload.encode())
    assert redact(payload.encode()) == by_value(payload.encode())


@settings(max_examples=times(200))
@given(payloads)
@example('["\\"--token\\" {", "a\\"token", {"a\\"token":1}, "\\\\", ":"]')
@example('["x \\"{\\"Env\\":\\"a\\"}"]')
def test_any_json_is_masked_as_its_value_would_be(payload: str) -> None:
    raw = payload.encode("utf-8", "surrogatepass")
    assert redact(raw) == by_value(raw)


@settings(max_examples=times(100))
@given(st.lists(payloads, min_size=1, max_size=3))
def test_a_frame_is_masked_as_its_events_would_be(payloads: list[str]) -> None:
    events = [b'{"Topic":"Job","Payload":%s}' % each.encode("utf-8", "surrogatepass") for each in payloads]
    frame = decode(b'{"Index":1,"Events":[%s]}' % b",".join(events))
    assume(isinstance(frame, Frame))  # not every masked text is JSON
    assert isinstance(frame, Frame)
    texts = frame.event_texts()
    assert redact_frame(frame, texts) == [redact(text) for text in texts]


@settings(max_examples=times(100))
@given(payloads, st.data())
def test_broken_json_is_masked_as_its_value_would_be(payload: str, data: st.DataObject) -> None:
    raw = payload.encode("utf-8", "surrogatepass")
    start = data.draw(st.integers(0, len(raw)))
    stop = data.draw(st.integers(start, min(len(raw), start + 3)))
    raw = raw[:start] + data.draw(st.sampled_from((b"", b'"', b"\\", b"\xff", b"{", b",", b"\x01"))) + raw[stop:]
    assert redact(raw) == by_value(raw)


@pytest.mark.parametrize("depth", [90, 150, 300])
@pytest.mark.parametrize("opened, closed", [("[", "]"), ('{"a":', "}")])
def test_nested_json_is_masked_as_its_value_would_be(depth: int, opened: str, closed: str) -> None:
    payload = f'[{opened * depth}{{"Env":["a"]}}{closed * depth}{",[]" * 300}]'.encode()
    assert redact(payload) == by_value(payload)
    assert b'"a"]' not in redact(payload)


@pytest.mark.parametrize("depth", [500, 700, 900, 980, 2_000])
def test_all_values_nested_too_deep_for_the_rules_are_masked(depth: int) -> None:
    assert b"hunter2" not in redact(b"[" * depth + b'{"Env":"hunter2"}' + b"]" * depth)


@pytest.mark.parametrize("depth", [90, 500, 700])
def test_text_nested_too_deep_for_the_rules_is_masked_entirely(depth: int) -> None:
    inner = "[" * depth + '{"Env":"hunter2"}' + "]" * depth
    assert b"hunter2" not in redact(json.dumps({"a": inner}).encode())


def test_unpaired_surrogates_are_handled() -> None:
    assert redact(b'{"a":"\\ud800 token=abc", "b":"\\ud800 key"}') == b'{"a":"? token=<redacted>", "b":"\\ud800 key"}'


def test_masking_an_ordinary_event_takes_little_more_than_decoding() -> None:
    measured = masking.measure("tour")
    assert measured.masked > 10
    assert measured.ratio < MAX_RATIO_TO_DECODING
