"""An identity provider on this machine: keys of its own, published over HTTP, and the tokens that it signs."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://patchwright.example"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass
class Provider:
    """keys: published, by their ids; asked: paths, in order; broken: it answers with 500."""

    url: str = ""
    keys: dict[str, tuple[Key, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: bool = False
    answers: dict[str, Any] = field(default_factory=dict)

    def add(self, kid: str, algorithm: str = "RS256") -> None:
        """Publish a new key."""
        made: dict[str, Key] = {
            "RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        }  # fmt: skip
        self.keys[kid] = (made[algorithm], algorithm)

    def token(self, kid: str = "one", *, signed_by: tuple[Any, str] | None = None, **claims: Any) -> str:
        """A token of ada with all scopes, good for a minute; claims: others, None to leave one out."""
        key, algorithm = signed_by or self.keys[kid]
        usual = {
            "iss": self.url, "aud": AUDIENCE, "sub": "ada", "tenant": "red", "scope": "submit read admin openid",
            "exp": int(time.time()) + 60,
        }  # fmt: skip
        said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(said, key, algorithm, headers={"kid": kid})

    def public_pem(self, kid: str) -> bytes:
        """A published key as a file of it would be."""
        return self.keys[kid][0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def answer(self, path: str) -> Any:
        if path in self.answers:
            return self.answers[path]
        if path.endswith("openid-configuration"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [_published(kid, *pair) for kid, pair in self.keys.items()]}


def _published(kid: str, key: Key, algorithm: str) -> dict[str, Any]:
    of: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    return {**json.loads(of[algorithm].to_jwk(key.public_key())), "kid": kid, "use": "sig"}


def unsigned(provider: Provider, **claims: Any) -> str:
    """A token that says that it has no signature."""
    _, body, _ = provider.token(**claims).split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT", "kid": "one"}).encode()).decode()
    return f"{head.rstrip('=')}.{body}."


@contextlib.contextmanager
def running() -> Iterator[Provider]:
    """A provider with one key, called "one"."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append(self.path)
            data = json.dumps(provider.answer(self.path)).encode()
            self.send_response(500 if provider.broken else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    provider.add("one")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
