"""What the stream brought, kept in one SQLite file: for sinks to read from their cursors, and as a long history."""
