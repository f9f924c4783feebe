"""The interface, by subject: tables of endpoints and their handlers."""
