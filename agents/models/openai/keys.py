"""Keys: read from the variables that settings name, given to our own client, and taken out of all that comes back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from peercycle.agents.models.openai.settings import OPENAI_KEY, OPENAI_URL
from peercycle.core.errors import ModelUnavailableError, SettingsError
from peercycle.core.hiding import hide, to_hide


@dataclass(frozen=True, slots=True)
class Credentials:
    """The headers of one server. They are shown in no representation."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def hide(self, text: str) -> str:
        """Return a text without any of them; see `core.hiding`."""
        return hide(text, self.secrets)


def key_variable(base_url: str, named: str | None) -> str | None:
    """Return which variable holds the key: the one named, or OpenAI's for OpenAI's own address only."""
    if named is not None:
        return named
    return OPENAI_KEY if urlsplit(base_url).hostname == urlsplit(OPENAI_URL).hostname else None


def credentials(base_url: str, named: str | None, headers_env: Mapping[str, str]) -> Credentials:
    """Read what a server is to be shown. Raises `ModelUnavailableError` for a variable that is not set."""
    wanted = dict(headers_env)
    headers: dict[str, str] = {}
    secrets: list[str] = []
    if variable := key_variable(base_url, named):
        key = _read(variable, base_url)
        headers["Authorization"] = f"Bearer {key}"
        secrets.append(key)
    for header, variable in wanted.items():
        headers[header] = _read(variable, base_url)
        secrets.append(headers[header])
    return Credentials(headers, to_hide(secrets))


def require_plain_url(base_url: str, what: str) -> None:
    """Raise `SettingsError` for an address that is none, or that holds a password; the address is not repeated."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        raise SettingsError(f"setting 'base_url' of {what} is no address; write http://HOST:PORT/v1") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            f"setting 'base_url' of {what} holds a user name, a password or a query; keys belong into an environment "
            f"variable, named by api_key_env or headers_env"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise SettingsError(f"setting 'base_url' of {what} is no address; write http://HOST:PORT/v1")


def _read(variable: str, base_url: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ModelUnavailableError(
            f"the environment variable {variable} is not set, and the server at {base_url} is asked with the key in it; "
            f"set it, name another one with api_key_env, or another server with base_url (docs/models.md)"
        )
    if not value.isascii() or not value.isprintable():
        raise ModelUnavailableError(f"the environment variable {variable} holds characters that no header can carry")
    return value
