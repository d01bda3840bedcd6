"""Where events come from: a live server, a recording, and the stand-in server behind demo and tests."""
