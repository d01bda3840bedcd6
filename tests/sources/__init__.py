"""Tests of `nomad_tui/sources`."""
