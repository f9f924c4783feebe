"""Stack traces of six languages: joined, read, and the same whatever their lines and numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.oplogs.traces import kind_of, read, runs

TRACES = {
    "python": """Traceback (most recent call last):
  File "/srv/app/shop/cart.py", line 41, in add
    return self.items[key]
           ~~~~~~~~~~^^^^^
KeyError: 'sku-41'""",
    "java": """Exception in thread "main" java.lang.IllegalStateException: cart 41 is closed
\tat com.shop.Cart.add(Cart.java:41)
\tat com.shop.Main.main(Main.java:7)
Caused by: java.io.IOException: disk full
\tat com.shop.Disk.write(Disk.java:9)
\t... 2 more""",
    "javascript": """TypeError: Cannot read properties of undefined (reading 'total')
    at Cart.add (/srv/app/cart.js:41:13)
    at async handle (file:///srv/app/server.js:7:5)""",
    "go": """panic: runtime error: index out of range [5] with length 41

goroutine 41 [running]:
main.add(0x41, 0x2)
\t/srv/app/cart.go:41 +0x1d
main.main()
\t/srv/app/main.go:9 +0x20
exit status 2""",
    "rust": """thread 'main' panicked at src/cart.rs:41:9:
index out of bounds: the len is 3 but the index is 41
stack backtrace:
   0: rust_begin_unwind
             at /rustc/0/library/std/src/panicking.rs:41:5
   1: shop::cart::add
             at ./src/cart.rs:41:9""",
    "csharp": """Unhandled exception. System.InvalidOperationException: cart 41 is closed
   at Shop.Cart.Add(String sku) in /src/Shop/Cart.cs:line 41
   at Shop.Program.Main(String[] args) in /src/Shop/Program.cs:line 7""",
    "ruby": """cart 41 is closed (Shop::Closed)
/srv/app/cart.rb:41:in `add'
/srv/app/main.rb:7:in `block in <main>'""",
}
EXCEPTIONS = {
    "python": "KeyError", "java": "java.io.IOException", "javascript": "TypeError", "go": "panic", "rust": "panic",
    "csharp": "System.InvalidOperationException", "ruby": "Shop::Closed",
}  # fmt: skip


@pytest.mark.parametrize("language", TRACES)
def test_traces_are_found_among_other_lines(language: str) -> None:
    """All lines of a trace, and none of those around it, twice in a row."""
    trace = TRACES[language].split("\n")
    lines = ["request served", "all is well", *trace, "next request", *trace, "all is well"]
    found = list(runs(np.array([kind_of(line) for line in lines], dtype=np.uint8)))
    expected = [(2, 2 + len(trace)), (3 + len(trace), 3 + 2 * len(trace))]
    assert found == expected


@pytest.mark.parametrize("language", TRACES)
def test_fingerprints_look_at_code_and_not_at_numbers(language: str) -> None:
    """Another line and another value are the same trace; another function is another one."""
    trace = read(TRACES[language].split("\n"))
    moved = read(TRACES[language].replace("41", "57").split("\n"))
    other = read(TRACES[language].replace("add", "remove").replace("Add", "Remove").split("\n"))
    assert trace is not None
    assert moved is not None
    assert other is not None
    assert (trace.language, trace.exception) == (language, EXCEPTIONS[language])
    assert trace.fingerprint == moved.fingerprint != other.fingerprint
    assert any("41" in frame for frame in trace.frames)
    assert trace.message


def test_other_indented_text_is_no_trace() -> None:
    """YAML and help texts are not joined to traces."""
    lines = ["config:", "  name: shop", "  port: 80", "usage: shop", "    --verbose  say more"]
    assert list(runs(np.array([kind_of(line) for line in lines], dtype=np.uint8))) == []


@given(st.lists(st.text(max_size=80), max_size=20))
def test_any_lines_are_read(lines: list[str]) -> None:
    """Hostile lines give a trace or none."""
    read(lines)
    kinds = np.array([kind_of(line) for line in lines], dtype=np.uint8)
    ends = [end for _, end in runs(kinds)]
    assert ends == sorted(ends)
    assert all(end <= len(lines) for end in ends)
