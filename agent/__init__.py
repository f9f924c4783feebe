"""The state machine that takes a failure to a verified patch, a diagnosis, or an honest "inconclusive"."""
