"""Tests that the manual is complete, correct and readable."""
