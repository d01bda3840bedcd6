"""Regular expressions and masking with RE2 and without it, as on platforms without its wheels."""

import json
import subprocess
import sys
from typing import Any, Final

import pytest

from nomad_tui.core import regular
from tests import recordings

TEXTS: Final = (
    "web.frontend[0] failed: OOM Killed", "naïve Ünïcode ſtraße", "line one\nline two\n", "a1_b2 日本 \t x", "",
    "aaa\nb",
)  # fmt: skip
PATTERNS: Final = (
    "oom", r"\bfail\w+:", r"^line \w+$", r"(?m)^line two$", r"(?i)KILLED", r"\d_[a-z]\d", r"[^\w\s]", r"na.ve",
    r"\pL", r"\Q[0]\E", r"two$", r"b\z", r"[]a]b", r"(?:a|b)+?", r"\W+x", r"[[:upper:]]{3}", r"x*",
    r"\x41|\x{62}", r"[\d_]+b",
)  # fmt: skip
REFUSED: Final = (r"(?=a)", r"(?<!a)b", r"(a)\1", "a++", "(?>a)", "(", "[z-a]", "a" * 20_000)
SECRETS: Final = (
    "password=hunter2hunter2", "Authorization: Bearer abcdefghijklmnop", "https://u:s3cr3t-value@host/x", "plain words",
    "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "--token 9f2c1b7e5d", "password: not found",
    "é--token 9f2c1b7e5d", "pa\u017fsword=hunter2hunter2", "x=1&sig=a9b8c7d6e5f4",
)  # fmt: skip
PROGRAM: Final = f"""
import json, sys
if "without" in sys.argv: sys.modules["re2"] = None
from time import process_time
from nomad_tui.core import regular
from nomad_tui.core.payload.find import Wanted
from nomad_tui.core.secrets import redact
from nomad_tui.core.secrets.masking import masked_text
def is_slow():
    try: regular.Pattern("(x+x+)+y").search("x" * 3000)
    except regular.TooSlowError: return True
    return False
def refused(pattern):
    try: regular.searcher(pattern)
    except regular.PatternError: return True
    return False
found = [[regular.searcher(each, ic)(text.encode()) for text in {TEXTS!r}] for each in {PATTERNS!r} for ic in (0, 1)]
spans = [Wanted(each, True).spans(text) for each in ("i+", "^l..e", "ï|ß", "two$") for text in {TEXTS!r}]
masked = [masked_text(text) for text in {SECRETS!r}]
lines = [redact(line).decode("latin-1") for line in sys.stdin.buffer.read().splitlines()]
started = process_time()
slow = regular.searcher("(x+x+)+y")
hung = [slow(b"x" * 3000) for _ in range(60)]
json.dump(dict(re2=regular.HAS_RE2, found=found, spans=spans, masked=masked, lines=lines, hung=hung, own=is_slow(),
               seconds=process_time() - started, refused=[refused(each) for each in {REFUSED!r}]), sys.stdout)
"""


LONGEST: Final = 100_000
"""Bytes; a text of megabytes takes too long without RE2 and is masked entirely."""


def outcome(*arguments: str) -> dict[str, Any]:
    content = b"\n".join(line for line in recordings.lines("hostile")[:200] if len(line) < LONGEST)
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], input=content, capture_output=True, timeout=120)
    assert ran.returncode == 0, ran.stderr.decode()
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


@pytest.mark.skipif(not regular.HAS_RE2, reason="RE2 is not installed")
def test_both_engines_find_mask_and_refuse_the_same_and_neither_hangs() -> None:
    with_re2, without = outcome(), outcome("without")
    assert (with_re2["re2"], without["re2"]) == (True, False)
    for what in ("found", "spans", "masked", "lines", "refused"):
        assert without[what] == with_re2[what], what
    assert all(without["refused"]) and "hunter2" not in str(without["masked"])
    assert not any(with_re2["hung"]) and all(without["hung"]), "what takes too long counts as found"
    assert (with_re2["own"], without["own"]) == (False, True)
    assert without["seconds"] < 5


def test_the_program_runs_without_re2() -> None:
    program = "import sys; sys.modules['re2'] = None; from nomad_tui.cli.main import main; main()"
    arguments = ("tail", "-", "--filter", "/web/ ~/frontend.*healthy/", "--limit", "1")
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], input=recordings.content("tour"), capture_output=True, timeout=120
    )
    assert ran.returncode == 0 and b"web" in ran.stdout, ran.stderr.decode()
