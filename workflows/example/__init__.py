"""The bundled example: a small billing package with a history, and a bug in it."""
