"""What we rely on in the `semanticscholar` package: a new version that changes any of it fails here by name."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

from semanticscholar import AsyncSemanticScholar
from semanticscholar.ApiRequester import ApiRequester

from peercycle.agents.literature.semantic_scholar.client import Client, Requester


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("semanticscholar").startswith("0.12.")


def test_every_request_goes_through_the_one_method_of_the_private_attribute() -> None:
    plain = AsyncSemanticScholar.__new__(AsyncSemanticScholar)
    plain._timeout, plain._retry = 1, False
    source = inspect.getsource(AsyncSemanticScholar)
    assert "self._requester = ApiRequester(" in source
    assert "httpx" not in source, "the client itself sends something"
    assert "self._requester.get_data_async(" in source
    parameters = inspect.signature(ApiRequester.get_data_async).parameters
    assert list(parameters) == ["self", "url", "parameters", "headers", "payload"]


def test_our_client_sends_through_our_requester_alone() -> None:
    client: Any = Client(None, "http://127.0.0.1:1")  # type: ignore[arg-type]
    assert type(client._requester) is Requester
    assert client.api_url == "http://127.0.0.1:1"
    assert Requester.get_data_async is not ApiRequester.get_data_async


def test_pages_are_what_we_read_of_them() -> None:
    from semanticscholar.PaginatedResults import PaginatedResults
    from semanticscholar.SemanticScholarException import NoMorePagesException

    assert {"items", "next", "async_next_page"} <= set(dir(PaginatedResults))
    assert issubclass(NoMorePagesException, Exception)
