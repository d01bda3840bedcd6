"""A live, honest, searchable view of a Nomad cluster's event stream."""

from importlib.metadata import version

__version__ = version("nomad-tui")
