"""Receivers that enforce the documented rules of chat services, with each vendor's own error messages."""

import json
import re
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tests.receiver import Answer, Receiver, Request, receiver

LIMITS: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "data" / "api_limits.toml").read_text(encoding="utf-8")
)


def length(text: str) -> int:
    """Return the length in UTF-16 code units, the strictest way to count."""
    return len(text.encode("utf-16-le")) // 2


def slack(request: Request) -> Answer:
    most = LIMITS["slack"]
    try:
        body = request.json
    except ValueError:
        return Answer(400, body=b"invalid_payload")
    if not body.get("text") and not body.get("blocks") and not body.get("attachments"):
        return Answer(400, body=b"no_text")
    blocks = [*body.get("blocks", []), *(each for one in body.get("attachments", []) for each in one.get("blocks", []))]
    sections = [each for each in blocks if each["type"] == "section"]
    contexts = [each["elements"] for each in blocks if each["type"] == "context"]
    if (
        len(blocks) > most["blocks"]
        or length(body.get("text", "")) > most["text"]
        or any(not 1 <= length(each["text"]["text"]) <= most["section"] for each in sections)
        or any(not 1 <= len(each) <= most["context_elements"] for each in contexts)
        or len(json.dumps(blocks, ensure_ascii=False)) > most["all_blocks"]
    ):
        return Answer(400, body=b"invalid_payload")
    return Answer(200, body=b"ok")


def discord(request: Request) -> Answer:
    most = LIMITS["discord"]
    body = request.json
    embeds = body.get("embeds", [])
    fields = [field for embed in embeds for field in embed.get("fields", [])]
    texts = [embed.get(name, "") for embed in embeds for name in ("title", "description")]
    texts += [field[name] for field in fields for name in ("name", "value")]
    too_long = (
        length(body.get("content", "")) > most["content"]
        or len(embeds) > most["embeds"]
        or any(length(embed.get("title", "")) > most["title"] for embed in embeds)
        or any(length(embed.get("description", "")) > most["description"] for embed in embeds)
        or any(len(embed.get("fields", [])) > most["fields"] for embed in embeds)
        or any(not 1 <= length(field["name"]) <= most["field_name"] for field in fields)
        or any(not 1 <= length(field["value"]) <= most["field_value"] for field in fields)
        or sum(map(length, texts)) > most["embed_characters"]
    )
    if too_long or not (body.get("content") or embeds):
        refusal = {"message": "Invalid Form Body", "code": 50035}
        return Answer(400, {"Content-Type": "application/json"}, orjson.dumps(refusal))
    return Answer(204, {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "2"})


def teams(request: Request) -> Answer:
    if len(request.body) > LIMITS["teams"]["bytes"]:
        return Answer(413)
    (attachment,) = request.json["attachments"]
    card = attachment["content"]
    is_card = attachment["contentType"] == "application/vnd.microsoft.card.adaptive" and card["type"] == "AdaptiveCard"
    return Answer(202) if is_card and card["body"] else Answer(400)


def pagerduty(request: Request) -> Answer:
    most = LIMITS["pagerduty"]
    body = request.json
    payload = body.get("payload", {})
    errors = []
    if request.target != "/v2/enqueue" or len(body.get("routing_key", "")) != most["routing_key"]:
        errors.append("'routing_key' is invalid (must be the 32 character Integration Key)")
    if body.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        errors.append("'event_action' is missing or invalid")
    if not 1 <= len(body.get("dedup_key", "")) <= most["dedup_key"]:
        errors.append("Length of 'dedup_key' is incorrect")
    if body.get("event_action") == "trigger":
        if not 1 <= len(payload.get("summary", "")) <= most["summary"] or not payload.get("source"):
            errors.append("'payload.summary' is missing or blank")
        if payload.get("severity") not in most["severities"]:
            errors.append("'payload.severity' is invalid")
    if errors or len(request.body) > most["bytes"]:
        refusal = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        return Answer(400, body=orjson.dumps(refusal))
    return Answer(202, body=orjson.dumps({"status": "success", "dedup_key": body["dedup_key"]}))


class AlertmanagerRules:
    """Stores alerts by label set, as Alertmanager does."""

    def __init__(self) -> None:
        self.alerts: dict[str, dict[str, Any]] = {}

    def active(self) -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        return [each for each in self.alerts.values() if datetime.fromisoformat(each["endsAt"]) > now]

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            return Answer(200, body=orjson.dumps(self.active()))
        if request.target != "/api/v2/alerts":
            return Answer(404)
        for alert in request.json:
            named = all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) for name in alert["labels"])
            if not named or not alert["labels"].get("alertname") or not all(alert["labels"].values()):
                return Answer(400, body=b'"invalid label set"')
            key = json.dumps(alert["labels"], sort_keys=True)
            self.alerts[key] = {**self.alerts.get(key, {}), **alert}
        return Answer(200)


class LokiRules:
    """Stores streams, refuses lines that are too old for their stream, and accepts the rest of such a request."""

    def __init__(self) -> None:
        self.streams: dict[str, list[tuple[int, str]]] = {}

    def __call__(self, request: Request) -> Answer:
        if request.target != "/loki/api/v1/push":
            return Answer(404)
        ignored = total = 0
        for stream in request.json["streams"]:
            assert all(isinstance(value, str) for value in stream["stream"].values()) and stream["stream"]
            held = self.streams.setdefault(json.dumps(stream["stream"], sort_keys=True), [])
            for at, line, metadata in stream["values"]:
                assert isinstance(at, str) and all(isinstance(each, str) for each in metadata.values())
                total += 1
                newest = max((each for each, _ in held), default=0)
                if int(at) < newest - LIMITS["loki"]["out_of_order"] * 10**9:
                    ignored += 1
                elif (int(at), line) not in held:
                    held.append((int(at), line))
        if ignored:
            what = (
                f"entry with timestamp ignored, reason: 'entry too far behind', total ignored: {ignored} out of {total}"
            )
            return Answer(400, body=what.encode())
        return Answer(204)


RULES = {"slack": slack, "discord": discord, "teams": teams}


@asynccontextmanager
async def chat(name: str) -> AsyncIterator[Receiver]:
    async with receiver() as hook:
        rules = RULES[name]

        def decided(request: Request) -> Answer | None:
            answer = rules(request)
            return answer if answer.status >= 300 else None

        hook.decide = decided
        if name == "slack":
            hook.answer(200, "ok", times=None)
        elif name == "teams":
            hook.answer(202, times=None)
        yield hook


def text_of(request: Request) -> str:
    """Return the text of a message that a person reads."""
    return json.dumps(request.json, ensure_ascii=False)
