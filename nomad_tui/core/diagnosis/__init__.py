"""Why an object failed, as far as the events held prove it."""

from nomad_tui.core.diagnosis.facts import Diagnosis, diagnose

__all__ = ["Diagnosis", "diagnose"]
