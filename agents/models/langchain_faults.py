"""What LangChain's models raise, as our typed errors.

Integrations share no class for every failure: newer ones derive from `langchain_core.exceptions.ModelError`, older ones
raise their provider's own, most of them with an HTTP status. What tells neither way is left as it is: it may be a bug.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peercycle.agents.models.openai.faults import AGAIN, kind_of_text, said, with_raw
from peercycle.agents.models.openai.keys import Credentials
from peercycle.core.errors import (
    ContentFilterError,
    ContextOverflowError,
    ModelError,
    ModelUnavailableError,
    OutageError,
    PeercycleError,
)

_BY_NAME: Mapping[str, type[PeercycleError]] = {
    # langchain-core's own, by name: the version that langgraph brings may not know all of them.
    "ContextOverflowError": ContextOverflowError,
    "ModelRefusalError": ContentFilterError,
    "ModelAuthenticationError": ModelUnavailableError,
    "ModelPermissionDeniedError": ModelUnavailableError,
    "ModelNotFoundError": ModelUnavailableError,
    "ModelRateLimitError": OutageError,
    "ModelAPIError": OutageError,
    "ModelConnectionError": OutageError,
    "ModelTimeoutError": OutageError,
    "ModelInvalidRequestError": ModelError,
    # Connections that fail, of the clients that integrations use.
    "APIConnectionError": OutageError,
    "TransportError": OutageError,
    "ConnectionError": OutageError,
    "TimeoutError": OutageError,
}


def typed(error: Exception, model: str, shown: Credentials) -> PeercycleError | None:
    """Return the error of ours that one of LangChain's is; None where nothing tells what it is.

    A rate limit, a server that fails and a connection that fails are outages: LangChain's models have tried again by
    themselves. `shown` takes the keys out of what is said.
    """
    if isinstance(error, PeercycleError):
        return error
    text = shown.hide(str(error)) or type(error).__name__
    status = _status(error)
    kind = _of_status(status) if status is not None else _of_class(error)
    if kind is None or kind is ModelError:
        kind = kind_of_text(text) or kind
    if kind is None:
        return None
    told = f" ({status})" if status is not None else ""
    return with_raw(kind(f"{model!r} through LangChain{told}: {said(text)}"), text)


def _of_status(status: int) -> type[PeercycleError]:
    if status in AGAIN or status >= 500:
        return OutageError
    return ModelUnavailableError if status in {401, 403, 404} else ModelError


def _of_class(error: Exception) -> type[PeercycleError] | None:
    return next((_BY_NAME[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _BY_NAME), None)


def _status(error: Exception) -> int | None:
    """Return the HTTP status that an error tells, wherever its client puts it."""
    response: Any = getattr(error, "response", None)
    told = [getattr(error, "status_code", None), getattr(response, "status_code", None), getattr(error, "code", None)]
    if isinstance(response, dict):
        meta = response.get("ResponseMetadata")
        told.append(meta.get("HTTPStatusCode") if isinstance(meta, dict) else None)
    return next((int(each) for each in told if isinstance(each, int) and 400 <= each < 600), None)
