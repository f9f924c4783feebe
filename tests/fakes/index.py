"""A package index on the loopback interface: tiny wheels made here, and wheels of what is installed here."""

from __future__ import annotations

import http.server
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import distribution
from pathlib import Path
from types import TracebackType
from typing import Self

TEST_RUNNER = ("pytest", "coverage", "iniconfig", "packaging", "pluggy", "pygments", "pip", "setuptools")


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Directory listings are what the simple API asks for: anchors with the names of files."""

    def __init__(self, *args: object, asked: list[str], directory: str) -> None:
        self.asked = asked
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@dataclass
class Index:
    """Serves `folder/simple` while it is entered. asked: the paths of all requests."""

    folder: Path
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        (self.folder / "simple").mkdir(parents=True, exist_ok=True)
        handler = partial(_Handler, asked=self.asked, directory=str(self.folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """What installers are given."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def fetched(self, name: str) -> int:
        """How often a wheel of a package was fetched."""
        return sum(path.startswith(f"/simple/{name}/") and path.endswith(".whl") for path in self.asked)

    def add(self, name: str, version: str, files: Mapping[str, str | bytes], requires: tuple[str, ...] = ()) -> None:
        """Publish a package of pure Python."""
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
        self._write(name, version, {**files, f"{name}-{version}.dist-info/METADATA": metadata})

    def add_installed(self, *names: str) -> None:
        """Publish packages as they are installed here."""
        for name in names:
            found = distribution(name)
            files = [file for file in found.files or () if not file.parts[0].startswith("..") and file.suffix != ".pyc"]
            info = next(file.parts[0] for file in files if file.parts[0].endswith(".dist-info"))
            kept = (file for file in files if file.name not in ("RECORD", "WHEEL", "INSTALLER", "REQUESTED"))
            content = {str(file): Path(str(file.locate())).read_bytes() for file in kept}
            stem, _, version = info.removesuffix(".dist-info").rpartition("-")
            self._write(stem, version, content)

    def _write(self, name: str, version: str, files: Mapping[str, str | bytes]) -> None:
        info = f"{name}-{version}.dist-info"
        wheel = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        everything = {**files, f"{info}/WHEEL": wheel}
        record = "".join(f"{path},,\n" for path in (*everything, f"{info}/RECORD"))
        folder = self.folder / "simple" / name.lower().replace("_", "-")
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            for path, content in {**everything, f"{info}/RECORD": record}.items():
                archive.writestr(path, content)
