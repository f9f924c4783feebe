"""Which addresses the service talks to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.service import resolve
from workflows.service.fetch import Hosts, Resolver, UrlRefused, check_git, public

OPEN = Hosts(("*",))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "198.18.0.1", "240.0.0.1",
    ],
)  # fmt: skip
def test_private_addresses_in_any_form_are_not_public(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"]
)
def test_public_addresses_are(address: str) -> None:
    assert public(address)


async def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(UrlRefused, match="private network"):
        await check_git("https://two-faced.example/a", OPEN, resolve)


async def test_behind_a_proxy_names_are_not_looked_up_but_numbers_are() -> None:
    asked: list[str] = []

    async def noted(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",)

    proxied = Hosts(("*",), proxied=True)
    await check_git("https://github.com/a/b", proxied, noted)
    for host in ("127.0.0.1", "2130706433", "0x7f000001", "localhost", "[::1]"):
        with pytest.raises(UrlRefused):
            await check_git(f"https://{host}/a", proxied, noted)
    assert "github.com" not in asked


async def test_a_refusal_never_repeats_the_address() -> None:
    for url in ("https://u:S3CRET@github.com/a", "https://github.com/a?k=S3CRET", "S3CRET", "https://S3CRET.invalid/"):
        with pytest.raises(UrlRefused) as caught:
            await check_git(url, OPEN, resolve)
        assert "S3CRET" not in str(caught.value)


async def test_names_are_looked_up_for_real() -> None:
    assert "127.0.0.1" in await Resolver()("localhost", 80)
    with pytest.raises(UrlRefused):
        await check_git("https://localhost/a", OPEN, Resolver())
    with pytest.raises(UrlRefused, match="cannot be found"):
        await check_git("https://a..b/a", OPEN, Resolver())
