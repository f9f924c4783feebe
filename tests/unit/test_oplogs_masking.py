"""Secrets and personal data do not leave the logs; what an incident is read by does."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sandbox.redact import SHORT, harmless
from tools.oplogs.masking import mask

SECRETS = [
    ("mail to jane.doe+x@mail.example.org failed", "jane"),
    ("postgres://shop:hunter22@db:5432/x", "hunter22"),
    ('{"password": "hunter22", "user": 1}', "hunter22"),
    ("password=hunter22 retry=1", "hunter22"),
    ("DB_PASSWORD: 'hunter22'", "hunter22"),
    ("Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789"),
    ("GET /x?access_token=s3cr3tvalue&b=1", "s3cr3tvalue"),
    ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJzdWIiOiIxIn0"),
    ("paid with 4111 1111 1111 1111 today", "4111 1111"),
    ("key AKIAIOSFODNN7EXAMPLE used", "IOSFODNN7EXAMPLE"),
    ("ghp_0123456789abcdefghij0123456789abcdef", "0123456789abcdefghij"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    (f"2026-01-02 app: {'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC' * 2}", "BADANBgkqhkiG9w0"),
    ("Cookie: sessionid=abcdef0123", "abcdef0123"),
]


@pytest.mark.parametrize(("line", "secret"), SECRETS)
def test_secrets_are_masked(line: str, secret: str) -> None:
    """The secret is gone, something says so."""
    assert secret not in mask(line)
    assert "***" in mask(line)


@pytest.mark.parametrize(
    "line",
    ["order 4111111111111112 shipped", "blk_-1608999687919862906 received", "2026-01-02 03:04:05,123 ERROR db gone",
     "from 10.0.0.1 port 22", "at com.shop.Cart.add(Cart.java:41)", "tokens used: 12",
     "diagnosis 20261129-061118-5f8abc82", "at 2026112906111800 it began", "4111-1111 1111-1111",
     "id 4111111111111111f",
     f"digest sha256:{'0123456789abcdef' * 4}", f"digest {'0123456789abcdef' * 4} ok"],
)  # fmt: skip
def test_what_is_no_secret_stays(line: str) -> None:
    """Numbers that are no cards, times and addresses of machines."""
    assert mask(line) == line


def test_addresses_are_masked_when_asked() -> None:
    """IPv4 and IPv6."""
    assert mask("from 10.0.0.1 and fe80::1:2 and 2001:db8:0:0:1:0:0:1", addresses=True).count("*.*.*.*") == 3
    assert mask("at 03:04:05 version 1.2.3", addresses=True) == "at 03:04:05 version 1.2.3"


@given(st.text(max_size=300))
def test_masking_is_stable(text: str) -> None:
    """Any text is masked, and what is masked has nothing left to mask."""
    assert mask(mask(text)) == mask(text)


@given(st.text(max_size=SHORT) | st.text(alphabet="sk-gheyJ.AIzaSG_v10 \t\"'", max_size=SHORT))
def test_what_is_let_pass_for_its_length_holds_nothing_to_mask(text: str) -> None:
    """The same text, made too long to be let pass, is left alone as well."""
    assume(harmless(text))
    assert mask(text) == text
    assert mask(text + " " * SHORT + ".") == text + " " * SHORT + "."


def test_masking_takes_linear_time() -> None:
    """Endless lines made for slow expressions."""
    began = time.process_time()
    for piece in ("a@", "eyJ", "1 ", "password", "-----BEGIN ", "a.", "x" * 10 + ":", "::"):
        mask(piece * (40_000 // len(piece)), addresses=True)
    assert time.process_time() - began < 4
