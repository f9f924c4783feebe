"""Split long lists into numbered pages."""


def page_count(items: int, per_page: int) -> int:
    """Return how many pages the items fill; an empty list has one page."""
    if per_page < 1:
        raise ValueError("a page holds at least one item")
    return max(1, (items + per_page - 1) // per_page)


def page_items(items: list[int], page: int, per_page: int) -> list[int]:
    """Return the items of a page, counting pages from 1."""
    if not 1 <= page <= page_count(len(items), per_page):
        raise IndexError(f"there is no page {page}")
    start = (page - 1) * per_page
    return items[start : start + per_page]


def page_links(current: int, total: int, width: int = 5) -> list[int]:
    """Return up to ``width`` neighbouring page numbers around the current page.

    Near either end of the pages the numbers are shifted so that still as many
    are shown.
    """
    if not 1 <= current <= total:
        raise IndexError(f"there is no page {current}")
    first = max(1, min(current - width // 2, total - width))
    last = min(total, first + width - 1)
    return list(range(first, last + 1))


def navigation(current: int, total: int, width: int = 5) -> str:
    """Return the page links as text, with the current page in brackets."""
    numbers = page_links(current, total, width)
    parts = [f"[{number}]" if number == current else str(number) for number in numbers]
    if numbers[0] > 1:
        parts.insert(0, "<")
    if numbers[-1] < total:
        parts.append(">")
    return " ".join(parts)
