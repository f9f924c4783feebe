"""How the output of each tool looks when it fails: one module per family, listed in `registry.py`."""
