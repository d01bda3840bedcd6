"""The questions for creating a sink, shared by `nomad-tui sink new` and the dashboard."""

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomli_w

from nomad_tui.core.text import printable
from nomad_tui.sinks.definition.definition import ADDRESSED, CHATS, Kind
from nomad_tui.sinks.definition.reading import DefinitionErrors, read_definition

EVERYTHING: Final = "all"
"""The answer that selects every topic."""
YES: Final = ("y", "yes")
_NO: Final = ("n", "no")


@dataclass(frozen=True, slots=True)
class Question:
    setting: str
    """The key in a definition."""
    text: str
    default: str = ""
    """The answer if the line is empty; without a default, an answer is required."""
    hint: str = ""


class Making:
    """A definition created by answering its type's questions, in order."""

    def __init__(self, kind: Kind, taken: Collection[str]) -> None:
        """`taken` are the IDs of existing sinks."""
        self.kind = kind
        self.questions: Final = tuple(_questions(kind, taken))
        self.answers: dict[str, str] = {}
        """By setting."""
        self._taken = taken

    @property
    def next(self) -> Question | None:
        """The first question without an answer."""
        return next((each for each in self.questions if each.setting not in self.answers), None)

    def answer(self, question: Question, typed: str) -> str:
        """Stores an answer. If it is invalid, returns the mistake as a sentence instead."""
        typed = typed.strip() or question.default
        if not typed:
            return f"{question.text}: an answer is needed."
        if question.setting == "id" and typed in self._taken:
            return f"The sink {printable(typed, 64)} is defined already. Give another ID, or edit that one."
        before = self.answers.get(question.setting)
        self.answers[question.setting] = typed
        mistake = self._mistake(question.setting)
        if mistake:
            del self.answers[question.setting]
            if before is not None:
                self.answers[question.setting] = before
        return mistake

    def take_back(self) -> Question | None:
        """Removes the last answer, and returns its question."""
        answered = [each for each in self.questions if each.setting in self.answers]
        if not answered:
            return None
        del self.answers[answered[-1].setting]
        return answered[-1]

    def definition(self) -> str:
        """The answers so far as TOML."""
        return tomli_w.dumps(self._table())

    def _table(self) -> dict[str, Any]:
        """Raises `ValueError` for a command with an unclosed quote."""
        table: dict[str, Any] = {"id": self.answers.get("id", self.kind.value), "type": self.kind.value}
        for setting, typed in self.answers.items():
            match setting:
                case "id":
                    pass
                case "command":
                    table["command"] = shlex.split(typed)
                case "topics":
                    if typed != EVERYTHING:
                        table["topics"] = [each.strip() for each in typed.split(",") if each.strip()]
                case "group_by":
                    if typed.lower() in YES:
                        table["group_by"] = "job"
                case _:
                    table[setting] = typed
        return table

    def _mistake(self, setting: str) -> str:
        if setting == "group_by" and self.answers[setting].lower() not in (*YES, *_NO):
            return "Answer y or n."
        try:
            read_definition(self.definition(), "", Path("/"))
        except DefinitionErrors as errors:
            of_it = (each for each in errors.errors if each.place.partition("[")[0] == setting)
            return next((str(each) for each in of_it), "")
        except ValueError:
            return "The command has a quote that is not closed: close it."
        return ""


def _questions(kind: Kind, taken: Collection[str]) -> list[Question]:
    asked = [Question("id", "ID", _unused_id(kind.value, taken))]
    if kind is Kind.EXEC:
        asked.append(Question("command", "Command", hint="The program and its arguments; no shell reads them."))
    elif kind is Kind.PAGERDUTY:
        asked.append(Question("routing_key", "Integration key, ${VARIABLE} or file:PATH", "${PAGERDUTY_KEY}"))
    elif kind in ADDRESSED:
        secrets = "" if kind is Kind.FILE else "; ${VARIABLE} and file:PATH keep a secret out of the file"
        asked.append(Question("address", "Address", hint=f"Such as {kind.example}{secrets}."))
    asked.append(Question("topics", "Topics, with commas between", EVERYTHING, "Such as Deployment, Job:web."))
    if kind in CHATS:
        asked.append(Question("group_by", "One message for each job in 30 s? (y/n)", "y"))
    return asked


def _unused_id(kind: str, taken: Collection[str]) -> str:
    return next(each for each in (kind, *(f"{kind}-{number}" for number in range(2, 10_000))) if each not in taken)
