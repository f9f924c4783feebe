"""The recipe of a Node package: package manager by lock file, framework by the test script and the dependencies."""

from __future__ import annotations

import json
import re
import shlex
from fnmatch import fnmatch
from typing import Any

from sandbox.detection.command import parse_command
from sandbox.detection.declared import as_mapping
from sandbox.detection.overrides import Overrides
from sandbox.recipe import EnvironmentUnknown, Framework, Recipe, Step, TestCommand
from sandbox.toolchains import Installed
from sandbox.tree import Tree

_FRAMEWORKS: dict[str, Framework] = {"jest": "jest", "vitest": "vitest", "mocha": "mocha", "tape": "tap"}
_NPM = ("npm", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
_FILES = (
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", ".npmrc"),
    *("pnpm-workspace.yaml", "binding.gyp"),
)


def package_json(tree: Tree, prefix: str) -> dict[str, Any]:
    """`package.json`, or nothing when it is absent or broken."""
    text = tree.read(f"{prefix}package.json")
    try:
        return as_mapping(json.loads(text)) if text is not None else {}
    except (ValueError, RecursionError):
        return {}


def has_test_script(package: dict[str, Any]) -> bool:
    """Whether `npm test` is more than what `npm init` writes."""
    script = as_mapping(package.get("scripts")).get("test")
    return isinstance(script, str) and bool(script.strip()) and "no test specified" not in script


def node_recipe(tree: Tree, overrides: Overrides, installed: Installed, directory: str = ".") -> Recipe:
    """How the package in `directory` is installed and tested. Raises EnvironmentUnknown when Node is missing."""
    prefix = "" if directory == "." else f"{directory}/"
    program = installed.program("node")
    if program is None:
        raise EnvironmentUnknown(f"the repository needs Node, and {installed.where} has no `node` on its PATH")
    package = package_json(tree, prefix)
    return Recipe(
        language="node",
        steps=_steps(tree, package, overrides, installed, directory),
        test=_test_command(tree, package, overrides, directory),
        manifests=tuple(prefix + name for name in _FILES if tree.has(prefix + name)),
        interpreter=program,
        directory=directory,
        env=(("CI", "true"), ("NO_COLOR", "1")),
    )


def _steps(
    tree: Tree, package: dict[str, Any], overrides: Overrides, installed: Installed, directory: str
) -> tuple[Step, ...]:
    if overrides.install is not None:
        return tuple(Step(("sh", "-c", command), cwd=directory) for command in overrides.install)
    prefix = "" if directory == "." else f"{directory}/"
    depends = any(
        as_mapping(package.get(key))
        for key in ("dependencies", "devDependencies", "optionalDependencies", "workspaces")
    )
    if not depends and not package.get("workspaces"):
        return ()
    install = (*_NPM, "install", "--no-package-lock")
    if tree.has(f"{prefix}package-lock.json") or tree.has(f"{prefix}npm-shrinkwrap.json"):
        return (Step((*_NPM, "ci"), (install, (*install, "--legacy-peer-deps")), cwd=directory),)
    others = ((*install, "--legacy-peer-deps"),)
    for lock, manager in (("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm")):
        if tree.has(prefix + lock) and installed.program(manager):
            return (Step((manager, "install", "--frozen-lockfile"), (install, *others), cwd=directory),)
    return (Step(install, others, cwd=directory),)


def _test_command(tree: Tree, package: dict[str, Any], overrides: Overrides, directory: str) -> TestCommand:
    """The framework's own command, so that its reporters can be asked for; `npm test` when none is recognized."""
    if overrides.test:
        command = parse_command(overrides.test, tree, cwd=directory, framework=overrides.framework)
        npm = re.fullmatch(r"(npm|yarn|pnpm)( run)? (test|t)", overrides.test.strip())
        if command.framework != "command" or not npm:
            return command
    script = as_mapping(package.get("scripts")).get("test")
    script = script if has_test_script(package) and isinstance(script, str) else ""
    for part in re.split(r"&&|;|\|\|", script)[::-1]:
        if known := _command_of(tree, part.strip(), package, directory):
            return known
    if script:
        return TestCommand("command", ("npm", "test"), directory)
    dependencies = {**as_mapping(package.get("dependencies")), **as_mapping(package.get("devDependencies"))}
    for name, framework in _FRAMEWORKS.items():
        if name in dependencies:
            return TestCommand(framework, (name, "run") if name == "vitest" else (name,), directory)
    return TestCommand("node", ("node", "--test"), directory)


def _command_of(tree: Tree, part: str, package: dict[str, Any], directory: str) -> TestCommand | None:
    """One command of the test script when it runs a known framework; follows `npm run NAME` one step."""
    if match := re.fullmatch(r"(?:npm|yarn|pnpm) run(?:-script)? ([\w:.-]+).*", part):
        named = as_mapping(package.get("scripts")).get(match[1])
        part = named.strip() if isinstance(named, str) and "&&" not in named else ""
    command = parse_command(_without_globs(tree, part, directory), tree, cwd=directory)
    if command.framework in ("command", "pytest"):
        return None
    argv = command.argv
    if command.framework == "vitest" and not {"run", "--run"} & set(argv):
        argv = (argv[0], "run", *(w for w in argv[1:] if w not in ("watch", "dev")))
    if command.framework == "jest":
        argv = tuple(w for w in argv if not w.startswith(("--watch", "--coverage")))
    return TestCommand(command.framework, argv, directory, command.env)


def _without_globs(tree: Tree, part: str, directory: str) -> str:
    """`part` with the file patterns that a shell would expand replaced by files; mocha and its like do that alone."""
    if not re.search(r"[*?\[{]", part):
        return part
    if re.match(r"(\w+=\S+\s+)*(npx\s+)?(mocha|jest|vitest)\b", part):
        return " ".join(w if w[:1] in "'\"" or not re.search(r"[*?{\[]", w) else shlex.quote(w) for w in part.split())
    prefix = "" if directory == "." else f"{directory}/"
    files = [f.removeprefix(prefix) for f in tree.walk(directory, max_files=20_000)]
    words = []
    for word in part.split():
        pattern = word.strip("'\"").removeprefix("./")
        matching = sorted(f for f in files if _matches(f, pattern)) if re.search(r"[*?]", pattern) else []
        words += [shlex.quote(f) for f in matching[:500]] or [word]
    return " ".join(words)


def _matches(path: str, pattern: str) -> bool:
    """Shell matching: "*" stays in one directory, "**" crosses them."""
    if "**" in pattern:
        return fnmatch(path, pattern.replace("**/", "*")) or fnmatch(path, pattern.replace("**/", ""))
    return path.count("/") == pattern.count("/") and fnmatch(path, pattern)
