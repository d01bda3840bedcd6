"""Tests of `nomad_tui/stream`."""
