"""Settings in nested sections, with defaults to return to."""

import copy


class Settings:
    """Values addressed by dotted paths such as "window.width"."""

    def __init__(self, defaults: dict[str, object]) -> None:
        self._defaults = copy.deepcopy(defaults)
        self._values = copy.deepcopy(defaults)

    def get(self, path: str, default: object = None) -> object:
        """Return the value at a path, else the default."""
        section: object = self._values
        for name in path.split("."):
            if not isinstance(section, dict) or name not in section:
                return default
            section = section[name]
        return section

    def set(self, path: str, value: object) -> None:
        """Change the value at a path, creating sections where needed."""
        *names, last = path.split(".")
        section = self._values
        for name in names:
            if not isinstance(section.get(name), dict):
                section[name] = {}
            section = section[name]
        section[last] = value

    def update(self, changes: dict[str, object], prefix: str = "") -> None:
        """Merge nested changes into the values."""
        for name, value in changes.items():
            path = prefix + name
            if isinstance(value, dict):
                self.update(value, path + ".")
            else:
                self.set(path, value)

    def reset(self) -> None:
        """Return to the defaults."""
        self._values = copy.deepcopy(self._defaults)


def replay(defaults: dict[str, object], operations: list[tuple[object, ...]]) -> object:
    """Run set, update and reset operations and return the values at the end."""
    settings = Settings(defaults)
    for name, *arguments in operations:
        getattr(settings, name)(*arguments)
    return {name: settings.get(name) for name in "abc"}
