"""Reproduction without a test: what a log shows of a failure in service, as tests that repeat it."""
