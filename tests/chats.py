"""Receivers that keep the documented rules of chats: each refuses what its vendor would, in the vendor's words."""

import json
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.receiver import Answer, Receiver, Request, receiver

LIMITS: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "data" / "api_limits.toml").read_text(encoding="utf-8")
)


def length(text: str) -> int:
    """In UTF-16 code units, the strictest way to count."""
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
    """All that a person would read of a message."""
    return json.dumps(request.json, ensure_ascii=False)
