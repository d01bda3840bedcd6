"""Tests of `nomad_tui/cli`."""
