"""Fault localization: where a failure is likely to come from, and why."""
