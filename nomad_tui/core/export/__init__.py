"""Output formats for events: NDJSON, tables, reports, commands."""
