"""Start of the trial server (package `trial` beside this file) inside the sandbox; see trial/__init__.py.

The package is loaded under a name of its own and without a place on the import path, so that the repository's modules
and the server's never meet.
"""

import importlib
import importlib.util
import os
import sys

_NAME = "patchwright_trial"


def load() -> None:
    """Make the package importable as `patchwright_trial`; take this directory off the import path."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    home = os.path.join(here, "trial")
    path = os.path.join(home, "__init__.py")
    spec = importlib.util.spec_from_file_location(_NAME, path, submodule_search_locations=[home])
    if spec is None or spec.loader is None:
        raise ImportError(home)
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load()
    importlib.import_module(_NAME + ".server").main()
