"""What went wrong with a request, and whether asking again can help."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from peercycle.agents.models.openai.settings import OPENAI_KEY
from peercycle.core.errors import (
    ContentFilterError,
    ContextOverflowError,
    ModelError,
    ModelUnavailableError,
    PeercycleError,
)

ErrorT = TypeVar("ErrorT", bound=PeercycleError)
EXCERPT = 500
"""Characters of a body that an error shows; the journal keeps more of it."""
MOST_RAW = 1 << 16
"""Characters of a body that an error carries for the journal: a server that is out may be asked all night."""
SETTINGS_STAY = (
    "A resume asks the same address for the same model, once the server has it; another address or name is a new run"
)
"""What can be mended outside is for a resume; what a run was set to stays."""
ADDRESS = {"openai": "base_url", "vllm": "url"}
"""What the settings of a backend call a server's address."""
AGAIN = frozenset({408, 409, 425, 429})
_CONTEXT = re.compile(
    r"context.?length|context window|maximum context|max_model_len|too many (input )?tokens|prompt is too long"
    r"|exceeds? the (available |model'?s? )?(context|maximum)|longer than the maximum",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"response_format|json_schema|guided|structured.output", re.IGNORECASE)
_FILTER = re.compile(r"content.?(filter|policy|management)|moderation|safety system", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer that is no success."""

    status: int
    headers: Mapping[str, str]
    body: str
    """Decoded, and without secrets."""

    @property
    def may_pass(self) -> bool:
        """Whether asking again can help."""
        return self.status in AGAIN or self.status >= 500

    @property
    def message(self) -> str:
        """What the server says, on one line."""
        return said(self.body)

    def wait(self) -> float | None:
        """Return the seconds after which the server wants to be asked again, where it says so."""
        try:
            if (given := self.headers.get("retry-after-ms")) is not None:
                return max(0.0, float(given) / 1000)
            if (given := self.headers.get("retry-after")) is None:
                return None
            if re.fullmatch(r"\d+(\.\d+)?", given.strip()):
                return float(given)
            return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError):
            return None

    def error(self, server: str, model: str, key: str | None, backend: str) -> PeercycleError:
        """Return the error of a refusal that asking again does not help; `backend` is the table of its settings."""
        kind = kind_of_text(f"{self.code()} {self.body}") if self.status < 500 else None
        if kind is not None:
            return with_raw(kind(f"{model!r} at {server}: {self.message}"), self.body)
        if self.status in {401, 403}:
            shown = f"the key in {key}" if key else "a request without a key"
            refused = ModelUnavailableError(
                f"{server} refuses {shown} ({self.status}): {self.message}; {_about_the_key(key, backend)}"
            )
            return with_raw(refused, self.body)
        if self.status == 404:
            unknown = ModelUnavailableError(
                f"{server} knows no model {model!r}, or its address is wrong (404): {self.message}; "
                f"{ADDRESS[backend]} ends with /v1 for most servers. {SETTINGS_STAY}"
            )
            return with_raw(unknown, self.body)
        if 300 <= self.status < 400:
            return ModelUnavailableError(
                f"{server} redirects ({self.status}), and keys are sent nowhere else: set {ADDRESS[backend]} to where "
                f"it leads. {SETTINGS_STAY}"
            )
        otherwise = ""
        if backend == "openai" and _FORMAT.search(self.body):
            setting = "--set models.openai.response_format=json_object"
            otherwise = f"; where it takes no JSON schema, {setting} (or none) asks it otherwise"
        rejected = ModelError(f"{model!r} at {server} refuses the request ({self.status}): {self.message}{otherwise}")
        return with_raw(rejected, self.body)

    def code(self) -> str:
        """Return the server's own code of the error."""
        found = _object(self.body)
        inner = found.get("error") if isinstance(found.get("error"), dict) else found
        assert isinstance(inner, dict)
        return " ".join(str(inner.get(key) or "") for key in ("code", "type"))


def _about_the_key(key: str | None, backend: str) -> str:
    """Return what mends a refused request: a variable's value is for a resume, its name is a setting."""
    if key is not None:
        return f"the next try reads {key} anew"
    setting = f"--set models.{backend}.api_key_env"
    role = "(of a role that has settings of its own: models.ROLE.settings.api_key_env)"
    if os.environ.get(OPENAI_KEY, "").strip():
        withheld = f"the key in {OPENAI_KEY} is withheld from servers that are not OpenAI's"
        return f"{withheld}; a new run with {setting}={OPENAI_KEY} sends it here {role}"
    return f"name the variable with its key in a new run: {setting}=VARIABLE {role}"


def kind_of_text(text: str) -> type[ContextOverflowError | ContentFilterError] | None:
    """Return which error a service's words tell of: servers have no common code for these two."""
    if _CONTEXT.search(text):
        return ContextOverflowError
    return ContentFilterError if _FILTER.search(text) else None


def said(body: str) -> str:
    """Return what a body says, on one line: its message where it is JSON, else its beginning."""
    found = _object(body)
    inner = found.get("error", found)
    text: Any = inner.get("message") or inner.get("detail") if isinstance(inner, dict) else inner
    text = text if isinstance(text, str) and text else re.sub(r"<[^>]*>", " ", body)
    return one_line(text) or "(no text)"


def one_line(text: str) -> str:
    """Return the beginning of a text, on one line."""
    line = " ".join(text[: 100 * EXCERPT].split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]}…"


def with_raw(error: ErrorT, raw: str) -> ErrorT:
    """Return an error that carries the raw answer up to a bound, which the journal keeps with it."""
    error.raw = raw if len(raw) <= MOST_RAW else f"{raw[:MOST_RAW]}… (the first of {len(raw)} characters)"
    return error


def _object(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
