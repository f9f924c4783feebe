"""The bot: from a red check on a pull request to a comment that proves its fix.

`patchwright github bot` is the one process that holds the App's key and tokens. It takes deliveries that the service's
route stored, reads CI logs, submits diagnoses to the service as uploads, and publishes what came of them.
"""
