"""Permissions of users, given to roles that build on one another."""


class UnknownRole(KeyError):
    """Raised for a role that was never defined."""


class RoleBook:
    """Each role has permissions of its own and may extend another role."""

    def __init__(self) -> None:
        self._own: dict[str, set[str]] = {}
        self._base: dict[str, str | None] = {}

    def define(self, role: str, permissions: list[str], base: str | None = None) -> None:
        """Define a role or define it anew; its base may be defined later."""
        self._own[role] = set(permissions)
        self._base[role] = base

    def permissions(self, role: str) -> set[str]:
        """Return what a role may do, by itself and through its bases.

        Roles extending each other in a circle share all their permissions.
        """
        result: set[str] = set()
        seen: set[str] = set()
        current: str | None = role
        while current is not None and current not in seen:
            if current not in self._own:
                raise UnknownRole(current)
            result |= self._own[current]
            current = self._base[current]
        return result

    def allows(self, roles: list[str], permission: str) -> bool:
        """Tell whether any of the roles has a permission; "*" grants everything."""
        for role in roles:
            granted = self.permissions(role)
            if permission in granted or "*" in granted:
                return True
        return False


def granted(
    definitions: list[tuple[str, list[str], str | None]],
    role: str,
) -> list[str]:
    """Return the permissions of a role under some definitions, sorted."""
    book = RoleBook()
    for definition in definitions:
        book.define(*definition)
    return sorted(book.permissions(role))
