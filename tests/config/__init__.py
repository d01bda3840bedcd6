"""Tests of `nomad_tui/config`."""
