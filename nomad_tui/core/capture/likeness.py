"""Guesses what a file that is not a recording contains, for the error message."""

import re
from typing import Final

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.text import printable

HEAD: Final = 64 * 1024
"""Bytes that are examined."""
SAMPLE: Final = 4096
LONGEST_NAME: Final = 30
MAX_NAMES: Final = 4

_MAGIC: Final = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive (decompress it first)"),
    (b"\xfd7zXZ\0", "a file compressed with xz (decompress it with xz -d first)"),
    (b"BZh", "a file compressed with bzip2 (decompress it with bzip2 -d first)"),
    (b"\x04\x22\x4d\x18", "a file compressed with lz4 (decompress it with lz4 -d first)"),
    (b"\xff\x06\0\0sNaPpY", "a file compressed with snappy (decompress it first)"),
    (b"\x1f\x9d", "a file compressed with compress (decompress it with uncompress first)"),
    (b"7z\xbc\xaf", "a 7-Zip archive (decompress it first)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"SQLite format 3\0", "an SQLite database, but not a nomad-tui journal"),
    (b"PAR1", "a Parquet file (export it as JSON lines first)"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture (pcap)"),
    (b"\x0a\x0d\x0d\x0a", "a packet capture (pcapng)"),
    (b"LPKSHHRH", "a systemd journal (export it with journalctl -o json first)"),
)
_TEXT: Final = (
    (re.compile(r"\s*<(!doctype html|html)", re.I), "an HTML page"),
    (re.compile(r"\s*<\?xml|\s*<[a-z][\w:.-]*[\s/>]", re.I), "XML"),
    (re.compile(r"-----BEGIN [A-Z ]+-----"), "a PEM file: a key or certificate"),
    (re.compile(r"HTTP/\d(\.\d)? \d{3}"), "an HTTP response without events"),
    (
        re.compile(r"\s*(?:(?:#|//).*\n\s*)*(?:job|variable|locals|resource|module)\b[^\n]*\{"),
        "HCL, such as a job file",
    ),
    (
        re.compile(r"(?:<\d+>)?(?:\d{4}-\d\d-\d\d|[A-Z][a-z]{2} [ \d]\d |\[?\d\d:\d\d:\d\d|\d\d/\w{3}/\d{4})"),
        "a log without events",
    ),
    (re.compile(r"# (HELP|TYPE) \w+"), "Prometheus metrics"),
    (re.compile(r"---\s*\n|\s*(?:#.*\n\s*)*[\w.-]+:\s*(?:\n\s+[\w-]+:|[^\s{].*\n[\w.-]+:)"), "YAML"),
    (re.compile(r"\s*(?:#.*\n\s*)*\[[\w.\"-]+\]\s*\n"), "a TOML or INI file"),
    (
        re.compile(r"(?:[^\n,;\t]*[,;\t]){2,}[^\n]*\n(?:[^\n,;\t]*[,;\t]){2,}"),
        "CSV: a table, without the events' payloads",
    ),
    (re.compile(r"\s*\|.*\|\s*\n\s*\|[ :|-]+\|"), "a Markdown table, without the events' payloads"),
)
_KEY: Final = lazy_pattern(rb'"((?:[^"\\]|\\.){1,200})"\s*:')


def likeness(head: bytes) -> str:
    """A noun with its article, safe to display, from the first bytes of a file that could not be decoded."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    begun = head.lstrip(b"\xef\xbb\xbf \t\r\n,")
    if begun[:1] in (b"{", b"[") and _KEY.search(begun[:SAMPLE]):
        return _json(begun)
    if is_binary(head):
        return "binary data"
    text = head[:SAMPLE].decode("utf-8", "replace")
    for pattern, name in _TEXT:
        if pattern.match(text):
            return name
    if begun[:1] in (b"{", b"["):
        return "JSON without events"
    return "text without JSON" if b"{" not in head else "text without events"


def is_binary(head: bytes) -> bool:
    """Whether bytes are not UTF-8 text."""
    text = head[:SAMPLE].decode("utf-8", "replace")
    return "\0" in text or text.count("\ufffd") > len(text) // 10


def _json(text: bytes) -> str:
    """JSON is described by its keys."""
    kind = "a JSON array of objects" if text[:1] == b"[" else "JSON"
    names: list[str] = []
    depth = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]', text):
        match token.group()[:1]:
            case b"{":
                depth += 1
            case b"}":
                depth -= 1
                if depth == 0:
                    break
            case b'"' if depth == 1 and token[1]:
                name = token.group()[: -len(token[1])].strip(b'"').decode("utf-8", "replace")
                names.append(printable(name, LONGEST_NAME))
    shown = ", ".join(names[:MAX_NAMES]) + (" …" if len(names) > MAX_NAMES else "")
    return f"{kind} with the keys {shown}" if names else f"{kind} without events in it"
