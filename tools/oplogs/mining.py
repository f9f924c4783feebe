"""Templates out of the messages of a log: what the program wrote is kept, what it filled in becomes `<*>`.

Messages with as many words are split, by the column with the fewest different words, as long as that column holds few
words (then they are parts of the programs' texts) or too little of the line is the same; what varies then is filled in.
That is the partitioning of IPLoM (Makanju et al. 2009) with masks for numbers, paths, hosts, dates, addresses, quoted
texts, lists and objects first. What follows a colon is filled in as a whole where it is said in many ways: the text of
an error, of any length.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

FILLED = "<*>"
KEPT = "HTTP_"  # begins words that are never taken for filled in
FEW = 3  # different words of one column that are still told apart
SAME = 0.6  # share of a template's words that have to be the same in all its messages
MAX_WORDS = 160
MANY = 5  # different texts after the same words and a colon that are no longer told apart
UNLIKE = 3  # different lengths of these texts
COLONS = 2  # of a message after which it is asked
BEFORE = 2  # spoken words that stand before such a colon at least
_HEX = "[0-9a-fA-F]{1,4}"
_VALUES: tuple[tuple[str, re.Pattern[str], str], ...] = (  # the sign without which there is none, what it is, its place
    ("://", re.compile(r"\b[a-z][a-z0-9+.-]{0,20}://[^\s,;'\"<>\])]+"), "0"),
    (" at 0x", re.compile(r"<[\w.]+(?: [\w.]+){0,3} at 0x[0-9a-fA-F]+[^<>\n]{0,40}>"), "0"),
    ("::", re.compile(rf"(?<![\w:])(?:{_HEX}:){{0,6}}:(?:{_HEX}:){{0,6}}{_HEX}(?![\w:])"), "0"),
    (":", re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![\w:])"), "0"),
    ("{", re.compile(r"\{[^{}\n]{0,2000}\}"), "{0}"),
    ("[", re.compile(r"\[(?:[\"'(][^\[\]\n]{0,2000}|[^\[\]\s]{1,100}, [^\[\]\n]{0,2000})?\]"), "[0]"),
    ('"', re.compile(r'(?<![\w"])"[^"\n]{0,500}"(?![\w"])'), "0"),
    ("'", re.compile(r"(?<![\w'])'[^'\n]{0,500}'(?![\w'])"), "0"),
)
_NUMBERED = re.compile(r"[A-Za-z0-9_.\-/\\@%$~+*]*[0-9][A-Za-z0-9_.\-/\\@%$~+*]*")
_DAYS = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTHS = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:/[\w.\-+@%~]+){2,}/?(?: [\w.-]+(?:/[\w.-]+)+)*|(?<!\w)~?/[\w.\-/]+"),
        "0",
    ),  # paths, also with blanks
    (re.compile(r"\b0 ?[KMGTP]i?B\b"), "0"),  # sizes
    (re.compile(r"\b[a-f]{6,}\b"), "0"),  # hexadecimal without a digit
    (re.compile(rf"\b(?:{_DAYS}[a-z]*,?\s+)?{_MONTHS}[a-z]*\s+0(?:[\s:,]+(?:0|[A-Z]{{3,4}}\b))*"), "0"),  # dates
    (re.compile(r"0(?:[:,#|;=/&x^-]+0)+"), "0"),  # numbers that hang together
    (re.compile(r"(?<=\s)\(\s*\)"), "(0)"),  # an empty place in brackets
    (re.compile(r"\b(?:[a-z0-9-]+\.){2,}[a-z]{2,6}\b(?!\.)"), "0"),  # hosts
)
_BETWEEN = re.compile(r"([\s=:,;()\[\]{}\"'<>|]+)")
_NOUGHT = re.compile(r"[0.\-]*0[0.\-]*$")
_LETTER = re.compile(r"[^\W\d_]")
Words = tuple[str, ...]


def words_of(message: str) -> Words:
    """The words of a message and the signs between them, with what is plainly filled in as `<*>`."""
    return tuple(word for word, _ in _parts(message))


def _parts(message: str) -> list[tuple[str, bool]]:
    """The words, each with whether there is space before it."""
    text = message
    for sign, value, place in _VALUES:
        if sign in text:
            text = value.sub(place, text)
    text = _NUMBERED.sub("0", text)
    for pattern, written in _MASKS:
        text = pattern.sub(written, text)
    parts: list[tuple[str, bool]] = []
    spaced = False
    for part in _BETWEEN.split(text):
        word = part.strip()
        spaced = spaced or part[:1].isspace()
        if not word:
            continue
        word = FILLED if _NOUGHT.match(word) else word
        if word != FILLED or not parts or parts[-1][0] != FILLED:
            parts.append((word, spaced and bool(parts)))
        spaced = part[-1:].isspace()
        if len(parts) >= MAX_WORDS:
            parts.append(("…", True))
            break
    return parts


def mine(messages: Iterable[str], *, few: int = FEW, same: float = SAME) -> dict[str, str]:
    """The template of each message."""
    spoken: dict[Words, list[str]] = defaultdict(list)
    for message in messages:
        spoken[words_of(message)].append(message)
    found: dict[str, str] = {}
    for head, rows in _ending_freely(spoken, few, same).items():
        found.update(dict.fromkeys((message for words in rows for message in spoken.pop(words)), f"{head} {FILLED}"))
    for group, columns in _by_size(spoken, few, same):
        template = _text(columns, spoken[group[0]][0])
        found.update(dict.fromkeys((message for words in group for message in spoken[words]), template))
    return found


def _by_size(rows: Iterable[Words], few: int, same: float) -> Iterator[tuple[list[Words], list[set[str]]]]:
    """Groups of rows with as many words."""
    sizes: dict[int, list[Words]] = defaultdict(list)
    for words in rows:
        sizes[len(words)].append(words)
    for alike in sizes.values():
        yield from _groups(alike, few, same)


def _ending_freely(spoken: Mapping[Words, Sequence[str]], few: int, same: float) -> dict[str, list[Words]]:
    """Rows that go on in many ways after the same words and a colon, by the template of these words."""
    found: dict[str, list[Words]] = {}
    left = list(spoken)
    for colon in range(COLONS):
        tails: dict[Words, dict[Words, Words]] = defaultdict(dict)  # head → row → how it goes on
        for words in left:
            head, tail = _parted(words, colon)
            if head:
                tails[head][words] = tail
        for heads, columns in _by_size(tails, few, same):
            rows = {words: tail for head in heads for words, tail in tails[head].items()}
            if _unlike(set(rows.values())):
                found.setdefault(_text(columns, spoken[next(iter(rows))][0]), []).extend(rows)
        free = {words for rows in found.values() for words in rows}
        left = [words for words in left if words not in free]
    return found


def _parted(words: Words, colon: int) -> tuple[Words, Words]:
    """A row up to a colon that has enough words before it, and what follows; nothing where there is none."""
    said = 0
    for place, word in enumerate(words):
        at = word.find(":") + 1
        if at and said >= BEFORE and word[at : at + 1] in ("", " ") and not _LETTER.search(word):
            if not colon:
                rest = word[at:].strip()
                return (*words[:place], word[:at]), ((rest, *words[place + 1 :]) if rest else words[place + 1 :])
            colon -= 1
        said += word != FILLED and _LETTER.search(word) is not None
    return (), ()


def _unlike(tails: Collection[Words]) -> bool:
    """Whether tails begin, and end, in too many ways to be texts of a program."""
    return len({len(tail) for tail in tails}) >= UNLIKE and len({tail[:1] for tail in tails}) >= MANY


def _groups(rows: list[Words], few: int, same: float) -> Iterable[tuple[list[Words], list[set[str]]]]:
    waiting = [rows]
    while waiting:
        group = waiting.pop()
        columns = [set(column) for column in zip(*group, strict=True)]
        place = _splits(columns, few, same) if len(group) > 1 else None
        if place is None:
            yield group, columns
            continue
        parts: dict[str, list[Words]] = defaultdict(list)
        for words in group:
            parts[words[place]].append(words)
        waiting.extend(parts.values())


def _splits(columns: Sequence[set[str]], few: int, same: float) -> int | None:
    """The column by which messages are still to be told apart."""
    varying = [place for place, words in enumerate(columns) if len(words) > 1]
    signs = [place for place in varying if any(map(_distinctive, columns[place]))]
    if signs:
        return min(signs, key=lambda place: len(columns[place]))
    fixed = sum(1 for words in columns if len(words) == 1 and _LETTER.search(next(iter(words))))
    free = [place for place in varying if not place or columns[place - 1] != {"="}]  # not the value of a named field
    if free and (not fixed or fixed < same * (fixed + len(free))):
        return min(free, key=lambda place: len(columns[place]))
    spoken = [place for place in varying if FILLED not in columns[place]]
    place = min(spoken, key=lambda place: len(columns[place]), default=None)
    return place if place is not None and len(columns[place]) <= few else None


def _distinctive(word: str) -> bool:
    """Whether a word alone makes another template: a sign, or one that is kept."""
    return word != FILLED and (not _LETTER.search(word) or word.startswith(KEPT))


def _text(columns: Sequence[set[str]], message: str) -> str:
    """The template as one of its messages is written."""
    parts = _parts(message)[: len(columns)]  # of the beginning of a message there are columns for that alone
    words = ((next(iter(column)) if len(column) == 1 else FILLED, spaced)
             for column, (_, spaced) in zip(columns, parts, strict=True))  # fmt: skip
    return "".join(f" {word}" if spaced else word for word, spaced in words)
