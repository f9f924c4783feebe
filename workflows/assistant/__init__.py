"""Patchwright as a server of the Model Context Protocol, for editors and assistants."""
