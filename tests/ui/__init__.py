"""Tests of `nomad_tui/ui`."""
