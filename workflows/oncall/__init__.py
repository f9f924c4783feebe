"""On call: alerts come in, become incidents, are triaged by workers, and told where people read.

Nothing here decides what an incident is about: that is `tools/triage`. Here are its ways in and out, kept in Postgres.
"""
