"""The stream, stored in one SQLite file: sinks read it from their cursors, and `open` shows it as a long history."""
