"""Docker sandboxes: a hardened container on whatever engine answers, around the same resident runner as elsewhere."""
