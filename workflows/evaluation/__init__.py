"""Evaluation: many tasks with hidden tests, run through the same door as a diagnosis, judged, and compared."""
