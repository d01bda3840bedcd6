"""Sources of events: a live server, a journal, a recording, a JetStream stream."""
