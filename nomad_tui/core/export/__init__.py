"""Events in the forms in which they leave the program: NDJSON, tables, reports, commands."""
