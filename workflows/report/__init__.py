"""The report of a run as Markdown, JSON and a page of HTML."""
