"""Tests of `nomad_tui/standin`."""
