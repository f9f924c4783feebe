"""The repository's modules as templates need them: who defines a name, who imports it and how, what a class has.

Files are searched as text with linear patterns; only a file whose class is asked for is parsed.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from tools.repair.facts import Facts
from tools.repair.source import parse

MAX_FILES = 2_000
MAX_TEXT = 400_000
MAX_ALL = 20_000_000
MAX_BASES = 6
_FROM = re.compile(r"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(?:\(([^)]{1,2000})\)|([^\n(#;]{1,300}))", re.MULTILINE)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([.\w]+(?:[ \t]+as[ \t]+\w+)?)[ \t]*\r?$", re.MULTILINE)
_TOP = re.compile(r"^(?:(?:async[ \t]+)?def[ \t]+|class[ \t]+)?([A-Za-z_]\w*)(?=[ \t]*[:=(\[])", re.MULTILINE)
_KEYWORDS = frozenset({"if", "for", "while", "with", "try", "else", "elif", "finally", "except", "print", "return"})


@dataclass(eq=False)
class Modules:
    """All given sources by path. Every answer is gathered when first asked for."""

    sources: Mapping[str, str] = field(default_factory=dict)
    _facts: dict[str, Facts | None] = field(default_factory=dict)
    _calls: dict[str, dict[str, list[ast.Call]]] = field(default_factory=dict)

    @cached_property
    def _texts(self) -> dict[str, str]:
        found: dict[str, str] = {}
        room = MAX_ALL
        for path in sorted(self.sources)[:MAX_FILES]:
            found[path] = self.sources[path][: min(MAX_TEXT, room)]
            room -= len(found[path])
        return found

    @cached_property
    def _tops(self) -> dict[str, tuple[str, ...]]:
        return {
            p: tuple(dict.fromkeys(n for n in _TOP.findall(t) if n not in _KEYWORDS)) for p, t in self._texts.items()
        }

    @cached_property
    def _definers(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path, names in self._tops.items():
            for name in names:
                found.setdefault(name, []).append(path)
        return found

    @cached_property
    def _bindings(self) -> dict[str, Counter[tuple[str, str]]]:
        """bindings[name]: how often (directory, import statement) binds it."""
        found: dict[str, Counter[tuple[str, str]]] = {}
        for path, text in self._texts.items():
            home = str(PurePosixPath(path).parent)
            for statement, name in _statements(text):
                found.setdefault(name, Counter())[home, statement] += 1
        return found

    def imports_of(self, name: str, path: str) -> list[str]:
        """Import statements elsewhere in the repository that bind a name and hold in the file `path`."""
        home = str(PurePosixPath(path).parent)
        found = self._bindings.get(name, Counter()).most_common(12)
        return list(dict.fromkeys(s for (where, s), _ in found if not s.startswith("from .") or where == home))

    def definitions_of(self, name: str, path: str) -> list[str]:
        """`from m import name` for the modules that define a name at their top, nearest first, `path` left out."""
        found = (self.import_of(name, f, path) for f in self.definers_of(name, path)[:6])
        return [statement for statement in found if statement]

    def definers_of(self, name: str, path: str) -> list[str]:
        """The files that define a name at their top, nearest to `path` first, `path` left out."""
        files = [f for f in self._definers.get(name, ()) if f != path]
        return sorted(files, key=lambda f: (-_shared(f, path), len(f)))

    def names_in(self, path: str) -> tuple[str, ...]:
        """Names that a file defines at its top, as far as its text shows."""
        return self._tops.get(path, ())

    def file_of(self, module: str) -> str:
        """The file of a dotted module name, "" when it is not in the repository."""
        stem = module.strip(".").replace(".", "/")
        ends = (f"{stem}.py", f"{stem}/__init__.py")
        found = [p for p in self._texts if p in ends or p.endswith(tuple(f"/{end}" for end in ends))]
        return min(found, key=lambda path: (len(path.removesuffix("/__init__.py")), len(path)), default="")

    @cached_property
    def module_names(self) -> tuple[str, ...]:
        """Dotted names of all modules."""
        return tuple(dict.fromkeys(name for name in map(self.module_name, self._texts) if name))

    def module_name(self, path: str) -> str:
        """The dotted name a file is imported by, "" when it has none."""
        parts = list(PurePosixPath(path).with_suffix("").parts)
        while len(parts) > 1 and parts[0] in ("src", "lib", "python", "source"):
            parts = parts[1:]
        packaged = [i for i in range(1, len(parts)) if f"{_joined(path, parts, i)}/__init__.py" in self._texts]
        if packaged:
            parts = parts[packaged[0] - 1 :]
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        return ".".join(parts) if parts and all(p.isidentifier() for p in parts) else ""

    def import_of(self, name: str, target: str, path: str) -> str:
        """How `path` imports a name of `target`: relative where it imports its neighbours so; "" when it cannot."""
        module = self.module_name(target)
        neighbours = PurePosixPath(target).parent == PurePosixPath(path).parent
        if neighbours and re.search(r"^[ \t]*from[ \t]+\.", self._texts.get(path, ""), re.MULTILINE):
            stem = PurePosixPath(target).stem
            return f"from .{'' if stem == '__init__' else stem} import {name}"
        return f"from {module} import {name}" if module else ""

    def facts_of(self, path: str) -> Facts | None:
        """Facts of a file; None when it is no Python."""
        if path not in self._facts:
            source = parse(path, self.sources[path]) if path in self.sources else None
            self._facts[path] = Facts(source) if source else None
        return self._facts[path]

    def calls(self, path: str) -> Mapping[str, list[ast.Call]]:
        """Calls in a file by the last name of what is called: `f(x)` and `y.f(x)` under f."""
        if path not in self._calls:
            found: dict[str, list[ast.Call]] = {}
            facts = self.facts_of(path)
            for node in ast.walk(facts.source.tree) if facts else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                    name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                    found.setdefault(name, []).append(node)
            self._calls[path] = found
        return self._calls[path]

    def mentioning(self, name: str) -> list[str]:
        """Files that call something of this name, as far as their text shows."""
        return [path for path, text in self._texts.items() if f"{name}(" in text]

    def defined(self, name: str) -> int:
        """How many functions and methods of all files have this name, as far as their text shows."""
        pattern = re.compile(rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{re.escape(name)}[ \t]*\(", re.MULTILINE)
        return sum(len(pattern.findall(text)) for text in self._texts.values())

    def class_members(self, name: str, first: Facts) -> tuple[str, ...]:
        """Methods and attributes of a class and of its bases, looked for in `first`, then in the repository."""
        found: dict[str, None] = {}
        waiting, seen = [name], set[str]()
        while waiting and len(seen) < MAX_BASES:
            wanted = waiting.pop(0)
            home = first if wanted in first.definitions else self._home_of(wanted)
            node = (
                next((d for d in home.definitions.get(wanted, ()) if isinstance(d, ast.ClassDef)), None)
                if home
                else None
            )
            if home is None or node is None or wanted in seen:
                continue
            seen.add(wanted)
            facts = home.class_facts(node)
            found.update(dict.fromkeys((*facts.methods, *facts.body_names, *sorted(facts.stored))))
            waiting += [b.id if isinstance(b, ast.Name) else getattr(b, "attr", "") for b in node.bases]
        return tuple(found)

    def _home_of(self, name: str) -> Facts | None:
        files = self._definers.get(name, [])
        return self.facts_of(files[0]) if files else None


def _joined(path: str, parts: list[str], count: int) -> str:
    """The directory that the first `count` of the last parts of a path name."""
    whole = PurePosixPath(path).with_suffix("").parts
    return "/".join(whole[: len(whole) - len(parts) + count])


def _shared(first: str, second: str) -> int:
    """How many leading directories two paths share."""
    count = 0
    for a, b in zip(PurePosixPath(first).parts[:-1], PurePosixPath(second).parts[:-1], strict=False):
        if a != b:
            break
        count += 1
    return count


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """Import statements of one name each, with the name they bind."""
    for module, grouped, plain in _FROM.findall(text):
        for part in re.sub(r"#[^\n]*", "", grouped or plain).split(","):
            whole = " ".join(part.split())
            name = whole.rpartition(" ")[2]
            if name.isidentifier():
                yield f"from {module} import {whole}", name
    for whole in _IMPORT.findall(text):
        flat = " ".join(whole.split())
        yield f"import {flat}", flat.rpartition(" ")[2].partition(".")[0]
