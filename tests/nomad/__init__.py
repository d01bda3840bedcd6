"""Tests of `nomad_tui/nomad`."""
