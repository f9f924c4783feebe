"""The peer's half of `thinking.py`, run by the interpreter that mini-swe-agent is installed in.

    python thinking_peer.py solve CONFIGURATION URL MODEL ISSUE FOLDER...    solves the task in each folder
    python thinking_peer.py count < TEXTS                     counts the tokens of each text of a JSON list

Prints seconds of each tool call of each task; or the counts.

Tokens are those of cl100k_base, which comes with the peer's client; Qwen's vocabulary was made from it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ |= {"MSWEA_SILENT_STARTUP": "1", "MSWEA_COST_TRACKING": "ignore_errors", "MSWEA_CONFIGURED": "true"}


def solve(configuration: str, url: str, model: str, issue: str, folders: list[str]) -> None:
    """Its own agent, local environment and prompts, as its commands put them together."""
    import minisweagent  # type: ignore[import-not-found]
    import yaml
    from minisweagent.agents.default import DefaultAgent  # type: ignore[import-not-found]
    from minisweagent.environments.local import LocalEnvironment  # type: ignore[import-not-found]
    from minisweagent.models.litellm_model import LitellmModel  # type: ignore[import-not-found]

    class Timed(LocalEnvironment):  # type: ignore[misc]
        """Notes how long each command took."""

        spent: list[float]

        def execute(self, action: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return super().execute(action, *args, **kwargs)
            finally:
                self.spent.append(time.perf_counter() - began)

    path = Path(minisweagent.__file__).parent / "config" / configuration
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["agent"].pop("mode", None)  # of its terminal
    config["model"].pop("model_name", None)
    variables = {name: value for name, value in config["environment"]["env"].items() if name != "BASH_ENV"}
    extras = {"api_base": url, "api_key": "none", **config["model"].pop("model_kwargs", {})}
    spent = []
    for folder in folders:
        environment = Timed(cwd=folder, env=variables, timeout=60)
        environment.spent = []
        reasoner = LitellmModel(model_name=f"openai/{model}", model_kwargs=extras, **config["model"])
        agent = DefaultAgent(reasoner, environment, **config["agent"], output_path=Path(f"{folder}.json"))
        ended = agent.run(issue)
        assert ended["exit_status"] == "Submitted", ended
        spent.append(environment.spent)
    print(json.dumps(spent))


def count() -> None:
    """Tokens of texts."""
    import litellm  # type: ignore[import-not-found]

    texts = json.load(sys.stdin)
    print(json.dumps([len(litellm.encode(model="gpt-4", text=text)) for text in texts]))


if __name__ == "__main__":
    if sys.argv[1] == "count":
        count()
    else:
        chosen, address, served, task = sys.argv[2:6]
        solve(chosen, address, served, task, sys.argv[6:])
