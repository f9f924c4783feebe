"""What is said on the forge, and when: `say.py` decides it from what is known alone, `publisher.py` makes it so.

The process that runs this has the only tokens that write. It reads cases, reports and the owners' configuration, all of
them typed; no repository, log or model is near it.
"""
