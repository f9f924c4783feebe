"""Naming a model: addresses, keys, limits; what is no address or no key is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from workflows.exits import Refused
from workflows.reasoners import chosen, endpoint, key_of
from workflows.settings import Settings


def settings(**changes: object) -> Settings:
    return Settings.model_validate({"home": "/tmp/h", "cache": "/tmp/c", "model_url": "", **changes})


def test_no_address_is_no_model() -> None:
    """The default; an empty option switches a configured model off."""
    assert chosen(settings()) is None
    assert chosen(settings(model_url="http://h:8000"), url="") is None


def test_model_of_the_settings_and_of_the_command_line() -> None:
    """The command line wins; limits are those of the settings."""
    ours = settings(model_url="http://h:8000/", model_tokens=5000, model_samples=3)
    one, other = chosen(ours), chosen(ours, "https://g.example.org/api/v1/", "mine")
    assert one is not None
    assert other is not None
    assert (one.url, one.name, one.tokens, one.samples) == ("http://h:8000/v1", "Qwen/QwQ-32B", 5000, 3)
    assert (other.url, other.name) == ("https://g.example.org/api/v1", "mine")


@pytest.mark.parametrize(
    "address",
    ["ftp://h/v1", "localhost:8000", "http://", "http://u:p@h/v1", "http://h/v1?key=x", "http://h/#k", "http://[::1",
     "http://h:99999999/v1", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    """Credentials in an address would be kept with the run."""
    with pytest.raises(Refused):
        endpoint(address)


def test_key_comes_from_a_variable_or_a_file_and_is_not_shown(tmp_path: Path) -> None:
    """The file wins; its line end is no part of it."""
    file = tmp_path / "key"
    file.write_text("sk-from-file\n")
    plain = settings(model_key="sk-plain")
    assert key_of(plain) == "sk-plain"
    assert "sk-plain" not in repr(plain) + str(plain.model_key)
    assert key_of(settings(model_key=SecretStr("x"), model_key_file=file)) == "sk-from-file"


@pytest.mark.parametrize("content", [None, b"a\nb", b"\xff\xfe"])
def test_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """Missing, several lines, no text: the message does not hold its content."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refused, match="MODEL_KEY_FILE"):
        key_of(settings(model_key_file=file))
