"""Tests of `nomad_tui/journal`."""
