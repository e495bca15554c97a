"""Identifiers of a work, from the fields in which people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from peercycle.agents.literature.bibtex.accents import to_unicode

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>{}]+")
_SICI = re.compile(r"10\.\d{4,9}/\(SICI\)[^\s\"{}]+", re.IGNORECASE)
"""A DOI of Wiley's and others' older articles, which holds angle brackets."""
_DOI_ADDRESS = re.compile(r"doi\.org/(10\.\d{4,9}/[^\s\"<>{}?#]+)", re.IGNORECASE)
_ARXIV_ID = r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?"
_ARXIV = re.compile(rf"(?:arxiv:\s*)?{_ARXIV_ID}(?!\d)", re.IGNORECASE)
_ARXIV_MENTION = re.compile(
    rf"(?:arxiv\.org/(?:abs|pdf|html)/|arxiv:\s*|arxiv\.|\babs/){_ARXIV_ID}(?!\d)", re.IGNORECASE
)
_ACL = re.compile(r"aclanthology\.org/([A-Za-z0-9.-]+?)(?:\.pdf|/|$)")
_CORPUS = re.compile(r"corpusid:(\d+)", re.IGNORECASE)
_S2 = re.compile(r"semanticscholar\.org/paper/(?:[^/\s]+/)?([0-9a-f]{40})")
_ADDRESS = re.compile(r"\\url\s*\{([^{}]*)\}|(https?://[^\s{}\\]+)")
_ESCAPED = re.compile(r"\\([_%&#$~])")
_MENTIONS = ("url", "doi", "journal", "journaltitle", "howpublished", "note", "volume")

OWN_FIELDS = {"s2": "s2id", "acl": "aclid", "corpus": "corpusid"}
"""Fields for the identifiers that BibTeX has no name for."""


def address_of(fields: Mapping[str, str]) -> str | None:
    """Return the work's address, with what no address may hold written in percent."""
    if (raw := fields.get("url")) is None:
        raw = fields.get("howpublished") or fields.get("note")
        if raw is None:
            return None
        found = _ADDRESS.search(raw)
        raw = (found[1] or found[2] or "") if found else ""
    elif found := _ADDRESS.search(raw):
        raw = found[1] or raw
    plain = _ESCAPED.sub(r"\1", raw) if "\\" in raw else raw
    return as_address(plain.replace("{", "").replace("}", "")) or None


def as_address(text: str) -> str:
    """Return `text` with blanks, braces, backslashes and what is not ASCII written in percent."""
    return quote(text.strip(), safe="!#$%&'()*+,-./:;=?@[]_~")


def ids_of(fields: Mapping[str, str], url: str | None) -> dict[str, str]:
    """Return the identifiers by scheme: `doi`, `arxiv` (without version), `s2`, `acl`, `corpus`."""
    ids = {scheme: fields[name] for scheme, name in OWN_FIELDS.items() if fields.get(name)}
    found = {"doi": _doi(fields, url), "arxiv": _arxiv(fields, url)}
    if url is not None:
        found |= {"acl": _first(_ACL, url), "corpus": _first(_CORPUS, url), "s2": _first(_S2, url)}
    return {**{scheme: value for scheme, value in found.items() if value}, **ids}


def _first(pattern: re.Pattern[str], text: str | None) -> str | None:
    found = pattern.search(text) if text else None
    return found[1] if found else None


def _doi(fields: Mapping[str, str], url: str | None) -> str | None:
    if raw := fields.get("doi"):
        text = unquote(_ESCAPED.sub(r"\1", raw)) if "\\" in raw or "%" in raw else raw
        found = _SICI.search(text) or _DOI.search(text)
        if found:
            return found[0].rstrip(".,;").lower()
    value = _first(_DOI_ADDRESS, url)
    return unquote(value).rstrip(".,;").lower() if value else None


def _arxiv(fields: Mapping[str, str], url: str | None) -> str | None:
    if eprint := fields.get("eprint"):
        kind = (fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv").lower()
        found = _ARXIV.fullmatch(to_unicode(eprint).strip()) if kind == "arxiv" else None
        if found:
            return found[1]
    for name in _MENTIONS:
        text = url if name == "url" else fields.get(name)
        if text and (value := _first(_ARXIV_MENTION, text)):
            return value
    return None
