"""The user's manual: one Markdown page per topic, shown by `nomad-tui help` and in the dashboard."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

INDEX: Final = "index"
"""The page that lists the others, in order."""
_LINK: Final = re.compile(r"\]\(([a-z-]+)\.md")
_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^##+ (.+)$", re.MULTILINE)
_MARKUP: Final = re.compile(r"\[([^]]+)\]\([^)]*\)|[`*]")
"""Links, code and emphasis in a heading."""


def _anchor(heading: str) -> str:
    """The anchor that GitHub generates."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Page:
    topic: str
    """Its name in `nomad-tui help`, and of its file."""
    text: str
    """Markdown: the title, a sentence on the page's purpose, then sections."""

    @property
    def title(self) -> str:
        return self.text.partition("\n")[0].removeprefix("# ")

    @property
    def sections(self) -> dict[str, str]:
        """Headings as plain text by anchor, in order."""
        headings = _HEADING.findall(_FENCED.sub("", self.text))
        return {_anchor(plain): plain for plain in (_MARKUP.sub(r"\1", heading).strip() for heading in headings)}

    @property
    def summary(self) -> str:
        return self.text.split("\n\n", 2)[1].replace("\n", " ")


@cache
def pages() -> tuple[Page, ...]:
    """The index, the pages that it links in that order, then any others."""
    files = {file.stem: file for file in sorted(Path(__file__).parent.glob("*.md"))}
    index = files[INDEX].read_text(encoding="utf-8")
    order = dict.fromkeys((INDEX, *_LINK.findall(index), *files))
    return tuple(Page(topic, files[topic].read_text(encoding="utf-8")) for topic in order if topic in files)


def find_page(topic: str) -> Page | None:
    """The page with that name, of that type of sink, or the only one whose name starts with it."""
    name = "-".join(topic.lower().removesuffix(".md").split())
    by_topic = {page.topic: page for page in pages()}
    begun = [page for page in pages() if page.topic.startswith(name)]
    return by_topic.get(name) or by_topic.get(f"sink-{name}") or (begun[0] if len(begun) == 1 else None)


def pages_about(word: str) -> list[Page]:
    """The pages that contain a word, ignoring case."""
    return [page for page in pages() if word.lower() in page.text.lower()]
