"""Isolation: where code from a repository runs. Knows nothing of diagnosis."""
