import random

KEYS = ["name", "Path", "debug", "URL"]
VALUES = ["yes", "Off", "ann b", "", "a=b", "x?p=1&q=2", "1", "==", "/tmp"]


def _text(rng):
    lines = []
    for _ in range(rng.randint(0, 7)):
        kind = rng.random()
        if kind < 0.25:
            lines.append(f"[{rng.choice(['main', ' extra ', 'db'])}]")
        elif kind < 0.35:
            lines.append(rng.choice(["", "# note = 1", "; off", "   "]))
        else:
            lines.append(rng.choice(KEYS) + rng.choice(["=", " = "]) + rng.choice(VALUES))
    return "\n".join(lines)


def calls(rng: random.Random) -> list[tuple[str, tuple[object, ...]]]:
    result = []
    for _ in range(100):
        result.append(("parse", (_text(rng),)))
    for _ in range(100):
        section = rng.choice(["", "main", "db"])
        if rng.random() < 0.5:
            result.append(("get_text", (_text(rng), section, rng.choice(KEYS), "-")))
        else:
            text = f"[{section}]\ndebug={rng.choice(VALUES[:2])}\n" + _text(rng)
            result.append(("get_flag", (text, section, "Debug")))
    return result
