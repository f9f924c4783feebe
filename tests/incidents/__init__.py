"""Incidents of a small shop: real services with a history, really run with a fault, and what was truly the cause."""
