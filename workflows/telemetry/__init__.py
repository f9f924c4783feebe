"""Metrics and traces: what operators see of runs, without a word of what is in them."""
