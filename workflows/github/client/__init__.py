"""GitHub's REST interface behind the protocols of `forge.py`, as an App: github.com, or an Enterprise server.

Every call asks for a token of its own kind (one repository, only the permissions it needs); who is given `Reads` alone
never asks for one that writes.
"""

from workflows.github.client.connect import App, AppInvalid, Office, app_of, office
from workflows.github.client.github import GithubForge, GithubReads

__all__ = ["App", "AppInvalid", "GithubForge", "GithubReads", "Office", "app_of", "office"]
