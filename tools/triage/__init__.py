"""Triage of an incident: from logs, deploys and a history to the cause, the culprit change and what to do; no model."""
