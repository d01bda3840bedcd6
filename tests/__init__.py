"""Tests, their recordings (`data/`) and the benchmark (`bench/`)."""
