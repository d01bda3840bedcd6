"""Tests of `nomad_tui/core`."""
