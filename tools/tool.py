"""The error that is shown to whoever asked (a person or a model) while the run goes on."""


class ToolError(Exception):
    """The request could not be served; the message says what was wrong and what to do."""
