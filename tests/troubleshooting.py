"""Generates the manual's table of errors from the program's texts; `python -m tests.manual --write` writes it."""

from collections.abc import Iterator
from typing import Final

from nomad_tui.nomad.cases import ERRORS, LAST_LINES, STATUSES, Case, Kind, answers, by_inquiry, connecting
from nomad_tui.nomad.diagnose import Trouble

EXAMPLES: Final = {
    "address": "https://nomad:4646",
    "client_cert": "client.pem",
    "direction": "ahead",
    "encoding": "br",
    "expired": "",
    "form": "a web page",
    "heartbeats": "5",
    "holder": "the token 'ci' (policy readers)",
    "host": "nomad",
    "issued_by": "it was issued by CN=Nomad CA",
    "issuer": "CN=Nomad CA",
    "location": "https://elsewhere/",
    "looked_up": "nomad",
    "looked_up_in": "NOMAD_ADDR (--address)",
    "name_remedy": "Set NOMAD_TLS_SERVER_NAME (--tls-server-name) to server.global.nomad, if that is your server",
    "names": "localhost and server.global.nomad",
    "namespace": "tema",
    "namespaces": "default and team",
    "not_after": "2026-01-31 12:00 UTC",
    "not_before": "2026-12-01 12:00 UTC",
    "now": "2026-11-23 14:30 UTC",
    "path": "",
    "proxy": "http://proxy:3128",
    "proxy_variable": "HTTPS_PROXY",
    "reasons": "the token is unknown, expired or lacks a capability for one of the topics",
    "refused": "Job (needs read-job in namespace team) and Node (needs node:read)",
    "region": "mars",
    "regions": "asia and europe",
    "remedies": "Set NOMAD_TOKEN (or --token, --token-file) to one that may read them",
    "remedy": 'Grant it `namespace "team" { capabilities = ["read-job"] } node { policy = "read" }`, '
    "use a token that has it, or subscribe to fewer topics (--topic)",
    "quote": "",
    "seconds": "90 s",
    "size": "2.6 kB",
    "settings": "NOMAD_CACERT (--ca-cert)",
    "status": "500",
    "text": "…",
    "there": "25",
    "tls_name": "10.0.0.5",
    "token": "the token",
    "tried": "20",
    "trusted": "any CA of this machine",
    "proxy_answer": "a proxy in front answered",
    "times": "3",
    "topics": "CSIVolume",
    "effect": "reading CSI volumes can erase their secrets",
    "because": "a server runs 1.10.6",
    "fixed": "1.10.7",
}

HARMFUL: Final = {
    "remedy": "Upgrade the servers to 1.10.7 or 1.11.1 or later, or accept the risk with --allow-harmful-topics",
}

WITHOUT_ROW: Final = frozenset((Kind.UNKNOWN, Kind.SETTINGS))
REPLACED: Final = (connecting.OLD_STATUS_LINE, answers.REGION_UNKNOWN, by_inquiry.REFUSED, by_inquiry.NOTHING_ALLOWED)
"""Cases without a row of their own, as a similar case with more facts has one."""


def cases() -> Iterator[tuple[Case, dict[str, str]]]:
    """Yield the cases with their examples, in the order in which they can happen: while connecting, in the response,
    after asking the server for the reason, at the end."""
    for error in ERRORS:
        yield error.shown or error.case, {}
    for status in STATUSES:
        yield status.case, {"status": str(status.first)}
    for each in vars(by_inquiry).values():
        if isinstance(each, Case):
            yield each, HARMFUL if each is by_inquiry.HARMFUL else {}
    for _, case in LAST_LINES:
        yield case, {}


def has_row(case: Case) -> bool:
    """Whether the case has a row: not if its sentence consists only of current facts."""
    return case.kind not in WITHOUT_ROW and case.why != "{text}" and case not in REPLACED


def table() -> str:
    rows = ["| you read | do |", "|---|---|"]
    for case, examples in cases():
        if not has_row(case):
            continue
        what, why, remedy = (part.format_map(EXAMPLES | examples) for part in (case.what, case.why, case.remedy))
        filled = Trouble(case.kind, what, why, remedy, case.refused)
        row = f"| {_cell(filled.summary)} | {_cell(filled.remedy)}. |"
        if row not in rows:
            rows.append(row)
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    text = text[:1].upper() + text[1:] if text.startswith("the ") else text
    return text.replace("|", "\\|").replace("<", "&lt;").replace(" (…)", "")
