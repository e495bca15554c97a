"""Talking to the Docker daemon: one client per execution, and its refusals in our words."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from peercycle.core.errors import SandboxError, SandboxUnavailableError
from peercycle.sandbox.containers.settings import DockerSettings

if TYPE_CHECKING:
    from docker.api import APIClient

SOCKET = "unix:///var/run/docker.sock"
START = "start Docker (Debian: apt install docker.io), and let this user use its socket, or set `base_url`"
BUILD = "make the image once: peercycle sandbox build, or peercycle sandbox import ROOT"
GONE, CONFLICT = 404, 409


def url_of(settings: DockerSettings) -> str:
    """Return where the daemon is to listen."""
    return settings.base_url or os.environ.get("DOCKER_HOST") or SOCKET


@contextlib.contextmanager
def engine(settings: DockerSettings, timeout_s: float = 60.0) -> Iterator[APIClient]:
    """A client of the daemon. Raises `SandboxUnavailableError` where none answers."""
    from docker.api import APIClient
    from docker.errors import DockerException

    url = url_of(settings)
    try:
        knock(url)
        client = APIClient(base_url=url, version="auto", timeout=int(timeout_s))
    except (DockerException, OSError, ValueError) as error:
        why = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise SandboxUnavailableError(f"no Docker daemon answers at {url!r}{why}: {START}") from error
    try:
        yield client
    finally:
        client.close()


def knock(url: str) -> None:
    """Raise `OSError` where nobody listens on a Unix socket; the SDK would leave its own one open."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(10)
            door.connect("/" + url.removeprefix("unix://").lstrip("/"))


@contextlib.contextmanager
def refusals(doing: str) -> Iterator[None]:
    """Raise what the daemon refuses, or that it is gone, as a `SandboxError` that says what was being done."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException, OSError) as error:
        raise SandboxError(f"Docker could not {doing}: {said(error)}") from error


def said(error: Exception) -> str:
    """Return the daemon's own words, on one line."""
    words = getattr(error, "explanation", None) or str(error) or type(error).__name__
    if "could not select device driver" in str(words):
        return "it has no GPU to give: install NVIDIA's container toolkit and restart Docker, or ask for gpus=0"
    return " ".join(str(words).split())[-400:]


def status_of(error: Exception) -> int | None:
    """Return the HTTP status of what the daemon answered."""
    answered: Any = getattr(error, "response", None)
    return getattr(answered, "status_code", None)


def image_id(client: APIClient, settings: DockerSettings) -> str:
    """Return the content address of the image. Raises `SandboxUnavailableError` where it is not there."""
    from docker.errors import ImageNotFound

    with refusals(f"look for the image {settings.image!r}"):
        try:
            return str(client.inspect_image(settings.image)["Id"])
        except ImageNotFound as error:
            raise SandboxUnavailableError(f"Docker has no image {settings.image!r}: {BUILD}") from error
