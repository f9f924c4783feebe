"""Operational logs at size: read, mined for templates and stack traces, indexed on disk, searched, masked.

`scanning.build` reads everything once into an index (`index.py`); `rates.py` and `search.py` answer from it.
"""
