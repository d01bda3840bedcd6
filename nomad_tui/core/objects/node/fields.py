"""The fields of a node, and of its drivers and plugins."""

from typing import Final

import msgspec

from nomad_tui.core.objects.reading import EMPTY, Object, Reader, Written


class NodeEvent(Object):
    message: str = ""
    timestamp: str = ""
    subsystem: str = ""
    details: dict[str, str] | None = None


class Drain(Object):
    deadline: int = 0
    force_deadline: str = ""
    ignore_system_jobs: bool = False


class LastDrain(Object):
    status: str = ""
    meta: dict[str, str] | None = None
    updated_at: str = ""


class Driver(Object):
    detected: bool = False
    healthy: bool = False
    health_description: str = ""


class Plugin(Object):
    healthy: bool = True
    health_description: str = ""


class Node(Written):
    id: str = ""
    name: str = ""
    status: str = ""
    status_description: str = ""
    status_updated_at: int = 0
    scheduling_eligibility: str = ""
    drain: bool = False
    drain_strategy: Drain | None = None
    last_drain: LastDrain | None = None
    node_class: str = ""
    node_pool: str = ""
    datacenter: str = ""
    http_addr: str = msgspec.field(default="", name="HTTPAddr")
    events: list[NodeEvent] | None = None
    drivers: dict[str, Driver] | None = None
    attributes: msgspec.Raw = EMPTY
    csi_controller_plugins: msgspec.Raw = EMPTY
    csi_node_plugins: msgspec.Raw = EMPTY
    host_volumes: msgspec.Raw = EMPTY
    meta: msgspec.Raw = EMPTY

    def is_draining(self) -> bool:
        """Whether it drains, in either dialect: a beta server may set only the flag."""
        return self.drain or self.drain_strategy is not None

    @property
    def plugins(self) -> dict[str, Plugin]:
        """CSI plugins by name; the node plugin if one is both a controller and a node plugin."""
        return {
            name: plugin
            for members in (self.csi_controller_plugins, self.csi_node_plugins)
            for name, plugin in (_PLUGINS.read(members) or {}).items()
        }


_PLUGINS: Final = Reader[dict[str, Plugin]](dict[str, Plugin] | None)
