"""How the bot reads a forge without a key and without a token: it asks the publisher's process, which has them.

The publisher answers a fixed set of typed questions on this machine (`app.py`), passes git's own traffic through
(`gitway.py`), and leaves a note where it can be reached (`meeting.py`); the bot asks (`asking.py`).
"""
