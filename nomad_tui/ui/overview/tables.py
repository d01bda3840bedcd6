"""The tables of the overview as text: jobs and nodes, rates by topic, and who has the most events."""

from collections.abc import Iterable, Mapping

from textual.content import Content

from nomad_tui.core.overview.index import Talker
from nomad_tui.core.overview.listing import Listing
from nomad_tui.core.overview.state import Deployment
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
from nomad_tui.ui.overview.chart import BARS

UNKNOWN = "–"
"""Where no event proves a figure."""


def number(figure: int | None) -> str:
    return UNKNOWN if figure is None else count(figure)


def sparkline(values: list[int]) -> str:
    most = max(values, default=0)
    return "".join(BARS[0 if not value else max(1, round(value / most * 8))] for value in values)


def joined(parts: Iterable[tuple[str, str]]) -> Content:
    return Content.assemble(*((text, style) if style else text for text, style in parts))


def jobs(listed: Listing, deployments: Mapping[tuple[str, str], Deployment], width: int) -> Content:
    """A line for each group of each job listed: running of desired, restarts, the last deployment."""
    name = max(12, min(30, width // 3))
    parts: list[tuple[str, str]] = [
        (f"{'job.group'.ljust(name)} {'running':>9} {'restarts':>8}  deployment\n", "$quiet")
    ]
    for job in listed.jobs:
        deployment = deployments.get((job.namespace, job.id))
        for group, one in listed.figures[job.namespace, job.id].items():
            parts += _group(f"{job.id}.{group}", (one.running, one.desired, one.restarts), name)
            parts.append((f"  {_deployment(deployment)}\n" if deployment is not None else "\n", "$quiet"))
            deployment = None
    if listed.more_jobs:
        parts.append((f"… {count(listed.more_jobs)} more jobs\n", "$quiet"))
    return joined(parts) if listed.jobs else Content.styled("No running jobs.\n", "$quiet")


def _group(name: str, figures: tuple[int | None, int | None, int | None], width: int) -> list[tuple[str, str]]:
    running, desired, restarts = figures
    lacks = running is not None and desired is not None and running < desired
    return [
        (printable(name, width).ljust(width) + " ", ""),
        (f"{number(running)}/{number(desired)}".rjust(9), "$warning" if lacks else ""),
        (f" {number(restarts):>8}", "$warning" if restarts else "$quiet"),
    ]


def _deployment(one: Deployment) -> str:
    return f"v{one.version} {printable(one.status, 16)} {count(one.healthy)}/{count(one.desired)}"


def nodes(listed: Listing, width: int) -> Content:
    """A line for each node listed: status, eligibility, drain, allocations."""
    if not listed.nodes:
        return Content.styled("No nodes.", "$quiet")
    name = max(10, min(24, width // 4))
    parts: list[tuple[str, str]] = [(f"{'node'.ljust(name)} {'status':<13} {'allocations':>11}\n", "$quiet")]
    for node in listed.nodes:
        left = listed.allocations[node.id]
        drain = f"draining, {number(left)} left" if node.is_draining else "" if node.is_eligible else "ineligible"
        is_down = node.status in ("down", "disconnected")
        parts += [
            (printable(node.name or node.id, name).ljust(name) + " ", ""),
            (printable(node.status, 13).ljust(13), "$error" if is_down else "$success"),
            (f" {number(left):>11}", ""),
            (f"  {drain}\n" if drain else "\n", "$warning"),
        ]
    if listed.more_nodes:
        parts.append((f"… {count(listed.more_nodes)} more nodes\n", "$quiet"))
    return joined(parts)


def rates(by_topic: dict[str, list[int]], width: int) -> Content:
    """A sparkline and the number of events for each topic."""
    parts: list[tuple[str, str]] = []
    for topic, values in by_topic.items():
        total = count(sum(values))
        parts += [
            (printable(topic, 12).ljust(12) + " ", ""),
            (sparkline(values[-max(1, width - 14 - len(total)) :]), "$topic"),
            (f" {total}\n", "$quiet"),
        ]
    return joined(parts) if parts else Content.styled("no events", "$quiet")


def talkers(of: dict[Talker, list[tuple[str, int]]], width: int, counted: str = "events held") -> Content:
    """Who has the most events, by job, node and type; `counted` says which."""
    parts: list[tuple[str, str]] = []
    for talker, found in of.items():
        parts.append((f"{counted}, by {talker.value}\n", "$quiet"))
        for name, events in found:
            total = count(events)
            room = max(4, width - len(total) - 3)
            parts += [(f"  {printable(name, room).ljust(room)}", ""), (f" {total}\n", "$quiet")]
    return joined(parts)
