"""The filter language as an operator uses it: what a line matches, its canonical form, and its error messages."""

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from nomad_tui.core.filter import (
    FIELDS,
    LONGEST_FILTER,
    MAX_BRACKETS,
    Age,
    And,
    Comparison,
    Each,
    Field,
    Filter,
    FilterError,
    Glob,
    InPayload,
    Instant,
    Kind,
    Match,
    Node,
    Not,
    Operator,
    Or,
    Text,
    Word,
)
from nomad_tui.core.readable import HOUR, MINUTE, SECOND

NOW = int(datetime(2026, 11, 23, 15, 0, tzinfo=UTC).timestamp()) * SECOND


def root(text: str) -> Node:
    node = Filter.parse(text).root
    assert node is not None
    return node


def word(text: str) -> Word:
    return Word(Text(text))


def field(text: str) -> Field:
    node = root(text)
    assert isinstance(node, Field)
    return node


def mistake(text: str) -> FilterError:
    with pytest.raises(FilterError) as raised:
        Filter.parse(text)
    return raised.value


def seconds(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u00a0\u3000"])
def test_an_empty_line_matches_every_event(text: str) -> None:
    assert Filter.parse(text) == Filter()
    assert Filter.parse(text).everything
    assert str(Filter.parse(text)) == ""


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("web", word("web")),
        ("web failed", And((word("web"), word("failed")))),
        ("web and failed", And((word("web"), word("failed")))),
        ("web AND failed OR lost", Or((And((word("web"), word("failed"))), word("lost")))),
        ("web (failed or lost)", And((word("web"), Or((word("failed"), word("lost")))))),
        ("(a b) (c and d)", And((word("a"), word("b"), word("c"), word("d")))),
        ("web web", word("web")),
        ("((web))", word("web")),
        ('"two words"', word("two words")),
        ("`two words`", word("two words")),
        ('"or"', word("or")),
        ("or-not", word("or-not")),
        ("order android nothing", And((word("order"), word("android"), word("nothing")))),
        ("in contains is", Match(("in",), Comparison.CONTAINS, "is")),
        ("in", word("in")),
        ("a in B in is empty", root('B contains "a" and "/in" is empty')),
        ('A == "a" is', And((root('A == "a"'), word("is")))),
        ("(in) matches", And((word("in"), word("matches")))),
        ("any web", And((word("any"), word("web")))),
        ("-web", Not(word("web"))),
        ("not web", Not(word("web"))),
        ("--web", word("web")),
        ("not not not web", Not(word("web"))),
        ("-(a or b) c", And((Not(Or((word("a"), word("b")))), word("c")))),
        ("not a b", And((Not(word("a")), word("b")))),
        ("web-1", word("web-1")),
        ("10.0.0.1:80", word("10.0.0.1:80")),
        ("web-1:80", word("web-1:80")),
        ("[bold]", word("[bold]")),
        ("日本", word("日本")),
        ("/w.b/", Word(Text("w.b", True))),
        ("/w b/i x", And((Word(Text("w b", True, True)), word("x")))),
        ("/a\\/b/", Word(Text("a/b", True))),
        ("AllocUpdated", word("allocationupdated")),
        ('"AllocUpdated"', word("AllocUpdated")),
        ("~oom", InPayload(Text("oom"))),
        ("~and", InPayload(Text("and"))),
        ("~status:x", InPayload(Text("status:x"))),
        ('~"a b"', InPayload(Text("a b"))),
        ("~/a|b/i", InPayload(Text("a|b", True, True))),
        ("payload:oom", InPayload(Text("oom"))),
        ("payload:a,b", Or((InPayload(Text("a")), InPayload(Text("b"))))),
        ("status:failed", Field("status", Operator.STARTS_WITH, (Text("failed"),))),
        ("STATUS:failed", Field("status", Operator.STARTS_WITH, (Text("failed"),))),
        ("status:failed,lost", Field("status", Operator.STARTS_WITH, (Text("failed"), Text("lost")))),
        ("status:failed, lost", Field("status", Operator.STARTS_WITH, (Text("failed"), Text("lost")))),
        ("status:failed ,lost", And((Field("status", Operator.STARTS_WITH, (Text("failed"),)), word(",lost")))),
        ('job:"a,b",/c/', Field("job", Operator.STARTS_WITH, (Text("a,b"), Text("c", True)))),
        ("job:=web*", Field("job", Operator.IS, (Text("web*"),))),
        ("job:web*", Field("job", Operator.STARTS_WITH, (Glob("web*"),))),
        ('job:"web*"', Field("job", Operator.STARTS_WITH, (Text("web*"),))),
        ("namespace:prod", Field("ns", Operator.STARTS_WITH, (Text("prod"),))),
        ("deployment:1 evaluation:2 allocation:3", root("deploy:1 eval:2 alloc:3")),
        ("status:and or web", Or((Field("status", Operator.STARTS_WITH, (Text("and"),)), word("web")))),
        ("index:>=1000", Field("index", Operator.AT_LEAST, (1000,))),
        ("index:5,7", Field("index", Operator.STARTS_WITH, (5, 7))),
        ("time:5m", Field("time", Operator.LESS, (Age(5 * MINUTE),))),
        ("time:>1h30m", Field("time", Operator.GREATER, (Age(90 * MINUTE),))),
        ("time:14:30", Field("time", Operator.STARTS_WITH, (Instant("14:30"),))),
    ],
)
def test_what_a_line_means(text: str, node: Node) -> None:
    assert root(text) == node


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("  web   and failed ", "web failed"),
        ("not web", "-web"),
        ('"web"', "web"),
        ("payload:oom", "~oom"),
        ('"and"', '"and"'),
        ('"status:x"', '"status:x"'),
        ('"a\\"b\\n"', '"a\\"b\\n"'),
        ("namespace:prod", "ns:prod"),
        ("time:5m", "time:<5m"),
        ("time:<90s", "time:<1m30s"),
        ("/a\\/b/i", "/a\\/b/i"),
        ("topic:NodeDrain", "topic:=Node type:=NodeDrain"),
        ("JobID==web", 'JobID == "web"'),
        ('"x" in Tags', 'Tags contains "x"'),
        ('"/Meta/co:lon" == 1', 'Meta["co:lon"] == "1"'),
        ('"/co:lon" is nil', '"/co:lon" is nil'),
        ("not A == 1 and not (B == 2 or C == 3)", 'not A == "1" and not (B == "2" or C == "3")'),
        ("web A == 1", 'web and A == "1"'),
        ('any A["x as y"][ "\\"" ] as t {t is nil}', 'any A["x as y"]["\\""] as t { t is nil }'),
        ('any Tasks as _, t {t.Name=="x"}', 'any Tasks as _, t { t.Name == "x" }'),
    ],
)
def test_a_filter_has_one_canonical_form(text: str, written: str) -> None:
    assert str(Filter.parse(text)) == written
    assert Filter.parse(written) == Filter.parse(text)


def test_lower_case_ignores_case_and_a_capital_is_exact() -> None:
    assert Text("web").matches("a WEB server")
    assert Text("web").matches("a web server")
    assert Text("Web").matches("a Web server")
    assert not Text("Web").matches("a web server")
    assert Text("straße").matches("STRAßE")
    assert field("job:web").matches("WEB-1")
    assert not field("job:Web").matches("web-1")
    assert field("job:w*1").matches("WEB-1")
    assert not field("job:W*1").matches("web-1")


def test_a_regular_expression_decides_case_sensitivity_itself() -> None:
    assert Text("w.b", True).matches("a web")
    assert not Text("w.b", True).matches("a WEB")
    assert Text("w.b", True, True).matches("a WEB")
    assert not Text("^b", True).matches("a\nb")


def test_fields_match_by_prefix_equality_or_regular_expression() -> None:
    assert field("status:fail").matches("failed")
    assert not field("status:fail").matches("was failed")
    assert field("status:failed,lost").matches("lost")
    assert field("job:=web").matches("web")
    assert not field("job:=web").matches("web-1")
    assert not field("job:=web").matches("WEB")
    assert field("job:*-api-*").matches("shop-api-1")
    assert not field("job:*-api").matches("shop-api-1")
    assert not field("job:ab*ba").matches("aba")
    assert field("job:/-[0-9]$/").matches("web-1")
    assert field('job:""').matches("")
    assert not field('job:""').matches("web")
    assert not field("job:*").matches("")
    assert field("job:*").matches("web")


def test_topics_and_types_match_names_of_both_dialects() -> None:
    for text in ("topic:alloc", "topic:=Alloc", "topic:Alloc", "topic:Allocation"):
        assert field(text).matches("Allocation")
        assert not field(text).matches("Node")
    assert field("topic:eval").matches("Evaluation")
    for text in ("type:AllocUpdated", "type:=AllocUpdated", "type:allocup", "type:AllocationUpdated"):
        assert field(text).matches("AllocationUpdated")
        assert not field(text).matches("AllocationCreated")
    assert field("type:NodeEvent").matches("NodeStreamEvent")
    assert root("topic:nodedrain,job") == root("topic:job or (topic:=Node type:=NodeDrain)")


def test_an_index_is_compared() -> None:
    for text, expected in {
        "index:10": [10],
        "index:=10": [10],
        "index:9,11": [9, 11],
        "index:>10": [11],
        "index:>=10": [10, 11],
        "index:<10": [9],
        "index:<=10": [9, 10],
    }.items():
        assert [index for index in (9, 10, 11) if field(text).matches_index(index)] == expected


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("time:5m", (NOW - 5 * MINUTE, None)),
        ("time:<5m", (NOW - 5 * MINUTE, None)),
        ("time:>1h30m", (None, NOW - 90 * MINUTE)),
        ("time:<2d1s", (NOW - 48 * HOUR - SECOND, None)),
        ("time:14:30", (seconds(2026, 11, 23, 14, 30), seconds(2026, 11, 23, 14, 31))),
        ("time:9:30", (seconds(2026, 11, 23, 9, 30), seconds(2026, 11, 23, 9, 31))),
        ("time:14:30:05", (seconds(2026, 11, 23, 14, 30, 5), seconds(2026, 11, 23, 14, 30, 6))),
        ("time:>15:30", (seconds(2026, 11, 22, 15, 30), None)),
        ("time:<14:30", (None, seconds(2026, 11, 23, 14, 30))),
        ("time:<=14:30", (None, seconds(2026, 11, 23, 14, 31))),
        ("time:14:30..14:45", (seconds(2026, 11, 23, 14, 30), seconds(2026, 11, 23, 14, 46))),
        ("time:14:30:05..", (seconds(2026, 11, 23, 14, 30, 5), None)),
        ("time:..14:30", (None, seconds(2026, 11, 23, 14, 31))),
        ("time:14:30..15:30", (seconds(2026, 11, 23, 14, 30), seconds(2026, 11, 23, 15, 31))),
        ("time:23:50..9:10", (seconds(2026, 11, 22, 23, 50), seconds(2026, 11, 23, 9, 11))),
        ("time:10m..5m", (NOW - 10 * MINUTE, NOW - 5 * MINUTE + 1)),
        ("time:2026-11-20..2026-11-22", (seconds(2026, 11, 20), seconds(2026, 11, 23))),
        ("time:2026-11-20T09:30Z..9:45:10", (seconds(2026, 11, 20, 9, 30), seconds(2026, 11, 20, 9, 45, 11))),
        ("time:2026-11-22", (seconds(2026, 11, 22), seconds(2026, 11, 23))),
        ("time:>=2026-11-22", (seconds(2026, 11, 22), None)),
        ("time:2026-11-22T14:30", (seconds(2026, 11, 22, 14, 30), seconds(2026, 11, 22, 14, 31))),
        ("time:2026-11-22T14:30:05Z", (seconds(2026, 11, 22, 14, 30, 5), seconds(2026, 11, 22, 14, 30, 6))),
        ("index:5", (None, None)),
    ],
)
def test_a_time_is_a_range(text: str, bounds: tuple[int | None, int | None]) -> None:
    assert field(text).bounds(NOW, UTC) == bounds


@pytest.mark.parametrize("zone", [timezone(timedelta(hours=9)), timezone(timedelta(hours=-9))])
def test_a_time_of_day_is_in_the_operators_time_zone(zone: tzinfo) -> None:
    start, end = field("time:14:30").bounds(NOW, zone)
    assert start is not None
    assert end == start + MINUTE
    shown = datetime.fromtimestamp(start / SECOND, zone)
    assert (shown.hour, shown.minute) == (14, 30)
    assert 0 <= NOW - start < 24 * HOUR
    utc, _ = field("time:2026-11-22T14:30Z").bounds(NOW, zone)
    assert utc == seconds(2026, 11, 22, 14, 30)


def test_the_local_time_zone_is_the_default() -> None:
    start, end = field("time:14:30").bounds(NOW, None)
    assert start is not None
    assert end == start + MINUTE


@pytest.mark.parametrize(
    ("looked_for", "value"),
    [
        ("oom", "OOM killed"),
        ("Oom", "Oom killed"),
        ("<b> & co", "<B> & Co"),
        ('say "hi"', 'Say "Hi"'),
        ("c:\\temp", "C:\\TEMP"),
        ("süß", "SÜß"),
        ("日本", "日本"),
        ("Ü😀", "Ü😀"),
        ("tab\there", "tab\there"),
    ],
)
def test_the_payload_is_searched_in_any_encoding(looked_for: str, value: str) -> None:
    text = Text(looked_for)
    go = json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    for encoded in (json.dumps(value), json.dumps(value, ensure_ascii=False), go):
        assert text.in_bytes(b'{"Key":' + encoded.encode() + b"}")
    assert not text.in_bytes(b'{"Key":"something else \\u003c"}')


def test_the_payloads_raw_bytes_are_searched_too() -> None:
    payload = b'{"ClientStatus":"failed","Broken":"\xff\\ud800"}'
    assert Text('"ClientStatus":"failed"').in_bytes(payload)
    assert Text('status":"fail', True, True).in_bytes(payload)
    assert not Text('"ClientStatus": "failed"').in_bytes(payload)


def test_every_field_is_described_by_a_filter_that_works() -> None:
    for described in FIELDS:
        node = root(described.example)
        assert isinstance(node, InPayload if described.kind is Kind.PAYLOAD else Field)
        for alias in described.aliases:
            assert root(described.example.replace(described.name, alias, 1)) == node


@pytest.mark.parametrize(
    ("text", "position", "length", "message"),
    [
        ("status:", 7, 1, "Expected a value"),
        ("(status:)", 8, 1, "Expected a value"),
        ("status: failed", 7, 1, "right after"),
        ("status:failed,", 14, 1, "another value"),
        ("(web", 4, 1, "add )"),
        ("web)", 3, 1, "Unmatched"),
        ("()", 1, 1, "Expected a word"),
        ("/fai", 0, 4, '"/fai"'),
        ("/var/lib", 5, 1, '"/var/lib"'),
        ('web "two', 4, 4, "Unclosed"),
        ("web `two", 4, 4, "Unclosed"),
        ('"two"words', 5, 1, "space"),
        ("satus:", 0, 5, "did you mean status:?"),
        ("index:", 6, 1, "as in index:>1000"),
        ("satus:failed", 0, 5, "did you mean status:?"),
        ("web nginx:1.2", 4, 5, '"nginx:1.2"'),
        ("status:<5", 7, 1, "only index:, time: and level:"),
        ("payload:=x", 8, 1, "remove it"),
        ("job:=/x/", 5, 3, "Remove the ="),
        ("index:1,x", 8, 1, "Expected a number"),
        ("index:>1,2", 9, 1, "one number"),
        ("time:soon", 5, 4, "an age (5m, 1h30m)"),
        ("time:25:00", 5, 5, "time (14:30)"),
        ("time:2026-13-01", 5, 10, "date (2026"),
        ("time:/1/", 5, 3, "not a time"),
        ("time:..", 5, 2, "or a range"),
        ("time:14:30..soon", 5, 11, "a range"),
        ("time:>14:30..14:45", 6, 12, "A range takes no >"),
        ("and", 0, 3, "Quote it to search for the word"),
        ("web and", 7, 1, "Expected a word"),
        ("web or or lost", 7, 2, "Expected a word"),
        ("not", 3, 1, "negates"),
        ("web -", 5, 1, "right after"),
        ("web - lost", 5, 1, "right after"),
        ("~", 1, 1, "right after"),
        ("web && lost", 4, 2, "Write and instead"),
        ("JobID = web", 6, 1, "Write == instead"),
        ("== web", 0, 2, "Expected a path"),
        ("JobID ==", 8, 1, "Expected a value"),
        ("JobID == ==", 9, 2, "Expected a value"),
        ("JobID matches /web/", 14, 5, '"^web"'),
        ('JobID matches "("', 15, 1, "missing )"),
        ("/[z-a]/", 2, 3, "invalid character class range"),
        ("/(a/", 1, 2, "missing )"),
        ("/x{1000}{1000}/", 2, 12, "bad repetition operator"),
        ("/(?=a)/", 1, 3, "no look-around"),
        ("/(\\pL{9}){9}/", 0, 13, "too large"),
        ("JobID is", 8, 1, "empty, not empty, nil or not nil"),
        ("web is down", 7, 4, 'Quote "is" to search'),
        ("web in", 6, 1, "Expected a path"),
        ('"/Meta/a b" == 1', 0, 11, "JSON pointer"),
        ("web in 5", 7, 1, "not a path"),
        ("x in `y`", 5, 3, "not a path"),
        ('Meta["os', 4, 4, "Unclosed"),
        ('Meta["os"]', 10, 1, "Expected =="),
        ("Meta[3] == 1", 0, 7, "not a path"),
        ('Meta["\\d"] == 1', 6, 2, "back quotes"),
        ('"\\u12"', 1, 2, "back quotes"),
        ("web-1 == 2", 0, 5, "not a path"),
        (".".join("a" * 65) + " == 1", 0, 129, "64 steps"),
        ("web {", 4, 1, "Quote it to search for the text"),
        ("any Tasks as", 12, 1, "a name"),
        ("any Tasks as t", 14, 1, "in braces"),
        ("any Tasks as t {", 16, 1, "in the braces"),
        ("any Tasks as t { t", 18, 1, "Expected =="),
        ("any Tasks as t { web }", 21, 1, "expressions only"),
        ("any Tasks as t { t == 1", 23, 1, "add }"),
        ("any Tasks as t { (t == 1 }", 25, 1, "Expected ) here"),
        ("any Tasks as k, k { k == 1 }", 16, 1, "Rename one"),
        ("(" * 101 + "x", 100, 1, f"at most {MAX_BRACKETS}"),
        ("x" * (LONGEST_FILTER + 1), LONGEST_FILTER, 1, "at most 100,000"),
    ],
)
def test_a_mistake_has_its_position_and_what_is_accepted_there(
    text: str, position: int, length: int, message: str
) -> None:
    error = mistake(text)
    assert message in error.text
    assert (error.position, error.length) == (position, length)
    assert str(error) == error.text
    assert error.text.isprintable()
    assert len(error.text) < 400


def test_quoted_text_in_an_error_is_printable() -> None:
    for text in ("/\x1b]0;x\x07", "abc:\x1b[2J\u202e" * 500, '"\\\x1b"', "a\x1b == 1", "/[\x1b/"):
        assert mistake(text).text.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "ab " * 3_333,
        "-" * 9_999 + "x",
        "not " * 2_499 + "x",
        " or ".join(f"w{number}" for number in range(2_000)),
        "x" * LONGEST_FILTER,
        "(" * MAX_BRACKETS + "x" + ")" * MAX_BRACKETS,
        "-(a " * MAX_BRACKETS + "x" + ")" * MAX_BRACKETS,
        " ".join(f"(a{number} or b{number})" for number in range(1_000)),
        " and ".join(f'A.B{number} == "x"' for number in range(500)),
    ],
)
def test_long_and_deep_filters_are_accepted(text: str) -> None:
    parsed = Filter.parse(text)
    assert Filter.parse(str(parsed)) == parsed
    assert hash(Filter.parse(str(parsed))) == hash(parsed)


def test_a_regular_expression_neither_hangs_nor_writes_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    text = "x" * 100_000
    for pattern in ("(x+x+)+y", "(x*)*y", "(x|x)*y", "(.*)(.*)(.*)(.*)(.*)[^x]", "(x{0,30}){0,30}y"):
        assert not Text(pattern, True).matches(text)
        assert not Text(pattern, True).in_bytes(text.encode())
    for broken in ("(", "[", "*", "\\8", "(?P<x", "\\pX", "a{1001}"):
        assert mistake(f"/{broken} /").length >= 1
    assert Text("a|\ud800", True).matches("\ud800")
    assert capfd.readouterr() == ("", "")


def test_parts_of_a_filter_can_be_distinguished() -> None:
    node = root('web status:x ~y A == "1" any B as b { b == 1 } -z')
    assert isinstance(node, And)
    assert [type(part) for part in node.parts] == [Word, Field, InPayload, Match, Each, Not]


@pytest.mark.parametrize(
    ("text", "ages", "relative"),
    [
        ("time:<5m", True, True),
        ("web -(status:failed or time:>1h)", True, True),
        ('"time:" web', False, False),
        ("time:>2026-11-23", False, False),
        ("time:14:30..14:45", False, True),
        ("web or -time:>14:30", False, True),
        ("time:2026-11-23..14:30", False, True),
        ("time:2026-11-23T14:30..14:45", False, False),
        ("time:2026-11-23T14:30..5m", True, True),
        ("time:5m..", True, True),
        ('~"time:<5m"', False, False),
        ("", False, False),
    ],
)
def test_only_filters_by_age_change_with_time(text: str, ages: bool, relative: bool) -> None:
    chosen = Filter.parse(text)
    assert (chosen.has_ages, chosen.is_relative) == (ages, relative)
