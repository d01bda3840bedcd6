"""A live, honest, searchable view of a Nomad cluster's event stream."""

__version__ = "0.1.0"
