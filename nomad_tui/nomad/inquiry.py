"""Asking a server why the stream does not come: one sentence for what cannot be read off the stream itself."""

from dataclasses import dataclass

from nomad_tui.core.permissions import Permissions
from nomad_tui.core.subscription import Subscription
from nomad_tui.nomad.cases import Trouble
from nomad_tui.nomad.client import Client


@dataclass(frozen=True, slots=True)
class Findings:
    trouble: Trouble
    """The most exact that could be learned of it."""
    permissions: Permissions | None = None
    """What may be read of the subscription, where that was asked and is not nothing."""


async def why_refused(client: Client, subscription: Subscription, trouble: Trouble) -> Findings:
    """Why a subscription was refused, and what of it is not."""
    return Findings(trouble)


async def why_silent(client: Client, trouble: Trouble) -> Trouble:
    """Why nothing came on a stream."""
    return trouble
