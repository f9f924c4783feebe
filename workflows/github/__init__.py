"""The bot: from a red check on a pull request to a comment that proves its fix.

`patchwright github bot` takes deliveries that the service's route stored, reads CI logs and submits diagnoses to the
service as uploads. `patchwright github publish` is the one process that holds the App's key and tokens: it publishes
what came of them, and answers what the bot asks of the forge.
"""
