"""Servers whose certificates are not to be trusted, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peercycle.agents.models.openai.model import OpenAIModel
from peercycle.agents.models.openai.settings import OpenAISettings
from peercycle.core.errors import ModelUnavailableError
from peercycle.core.modelling import Message, ModelRequest

CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
subjectAltName = {name}
basicConstraints = CA:TRUE
"""

Serve = Callable[..., tuple[str, Path, Any]]


@pytest.fixture
def serve(tmp_path: Path, behaviours: Any) -> Iterator[Serve]:
    """Start servers that show a certificate signed by itself; returns address, certificate and server of each."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: apt install openssl")
    servers: list[Any] = []

    def start(name: str = "IP:127.0.0.1", until: str = "491231235959Z") -> tuple[str, Path, Any]:
        certificate, key = _made(tmp_path / str(len(servers)), name, until)
        server = behaviours.FakeServer()
        servers.append(server)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return server.url.replace("http:", "https:"), certificate, server

    yield start
    for server in servers:
        server.end()


def _made(folder: Path, name: str, until: str) -> tuple[Path, Path]:
    folder.mkdir()
    (folder / "index").touch()
    (folder / "serial").write_text("01")
    (folder / "config").write_text(CONFIG.format(folder=folder, name=name))
    key, asked, certificate = folder / "key.pem", folder / "asked.pem", folder / "certificate.pem"
    new = ("-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=own")
    signed = ("-batch", "-selfsign", "-notext", "-startdate", "200101000000Z", "-enddate", until)
    for line in (
        ("req", *new, "-keyout", str(key), "-out", str(asked)),
        (
            "ca",
            *signed,
            "-config",
            str(folder / "config"),
            "-in",
            str(asked),
            "-keyfile",
            str(key),
            "-out",
            str(certificate),
        ),
    ):
        subprocess.run(("openssl", *line), check=True, capture_output=True)
    return certificate, key


def ask(url: str) -> str:
    async def main() -> str:
        # Retries that would take minutes: nothing of them may be tried.
        async with OpenAIModel(OpenAISettings(model="m", base_url=url, retry_wait_s=60)) as entered:
            (result,) = await entered.generate([ModelRequest(messages=(Message(role="user", content="?"),))])
            return result.text

    return asyncio.run(main())


def refusal(url: str) -> str:
    with pytest.raises(ModelUnavailableError) as caught:
        ask(url)
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_a_certificate_of_ones_own_is_refused_at_once_and_trusted_where_ssl_cert_file_names_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    url, certificate, server = serve()
    said = refusal(url)
    assert said.startswith(
        f"{url} shows a certificate that is not trusted (self-signed certificate); where the server"
    )
    assert "in the variable SSL_CERT_FILE" in said
    assert not server.asked
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert ask(url) == "An answer."
    other, _, _ = serve()
    assert f"SSL_CERT_FILE, which names '{certificate}' now" in refusal(other)


@pytest.mark.parametrize(
    ("body", "says"), [(None, "(No such file or directory)"), ("no certificate", "cannot be read as certificates (")]
)
def test_a_file_of_certificates_that_cannot_be_read_is_named(
    body: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "mine.pem"
    if body is not None:
        named.write_text(body)
    monkeypatch.setenv("SSL_CERT_FILE", str(named))
    said = refusal("HTTPS://localhost:9/v1")
    assert said.startswith(f"the variable SSL_CERT_FILE names '{named}', which cannot be read as certificates (")
    assert says in said


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        ({"until": "210101000000Z"}, "(certificate has expired); it has expired: have it renewed"),
        ({"name": "DNS:elsewhere.example"}, "base_url has to name the host that it is for"),
    ],
)
def test_a_certificate_that_is_over_or_anothers_says_what_mends_it(
    shown: dict[str, str], says: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate, server = serve(**shown)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert says in refusal(url)
    assert not server.asked
