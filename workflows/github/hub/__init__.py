"""A stateful fake of GitHub, as a process of its own on this machine: for tests, and for `patchwright github demo`.

Repositories are real ones, spoken to by git over HTTP; workflows run for real, in a sandbox; the interface, its limits
and its refusals follow GitHub's published description (REST API, webhooks) and are checked against it by
tests/contract/test_github_*.py. What happens is kept in memory: it ends with the process.
"""
