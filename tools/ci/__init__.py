"""Reading CI: logs of jobs and runs, the files that describe them, and what changed since the last green run.

Start at `read.py` (one job), `archive.py` (the zip of a run), `workflow.py` (how a job installs and tests) and
`compare.py`.
"""
