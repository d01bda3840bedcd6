"""Tests of `nomad_tui/doctor`."""
