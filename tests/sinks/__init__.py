"""Tests of `nomad_tui/sinks`."""
