"""A server whose certificate is not to be trusted: what is wrong with it, and what mends that."""

from __future__ import annotations

import os
import ssl

import httpx

from peercycle.agents.models.openai.faults import ADDRESS, SETTINGS_STAY
from peercycle.core.errors import ModelUnavailableError

CERTIFICATES_VARIABLE = "SSL_CERT_FILE"
_TIMES = {9: "it is not valid yet", 10: "it has expired"}
"""Of OpenSSL's codes, those of a certificate whose time it is not."""
_NAMES = frozenset({62, 64})
"""Those of one that is for another host or address."""


def trusted_certificates() -> ssl.SSLContext:
    """Return what a server's certificate is checked against. Raises `ModelUnavailableError` naming a bad file."""
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        named = os.environ.get(CERTIFICATES_VARIABLE, "")
        raise ModelUnavailableError(
            f"the variable {CERTIFICATES_VARIABLE} names {named!r}, which cannot be read as certificates "
            f"({error.strerror or error}); name a PEM file, or unset it; a resume reads it anew"
        ) from None


def certificate_fault(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return what is wrong with a server's certificate, where that is why a connection was not made."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def untrusted_server(server: str, fault: ssl.SSLCertVerificationError, backend: str) -> ModelUnavailableError:
    """Return the error: no wait mends a certificate, and nothing is sent to a server that may be another."""
    said = " ".join(str(fault.verify_message).split()).rstrip(".")
    if fault.verify_code in _TIMES:
        mended = f"{_TIMES[fault.verify_code]}: have it renewed, or set this machine's clock; a resume asks again"
    elif fault.verify_code in _NAMES:
        mended = f"{ADDRESS[backend]} has to name the host that it is for. {SETTINGS_STAY}"
    else:
        named = os.environ.get(CERTIFICATES_VARIABLE, "").strip()
        where = f"which names {named!r} now, " if named else ""
        mended = (
            f"where the server is yours, name the file with its authority's certificate in the variable {CERTIFICATES_VARIABLE}, "
            f"{where}which stands in place of the authorities that are trusted else; a resume reads it anew"
        )
    return ModelUnavailableError(f"{server} shows a certificate that is not trusted ({said}); {mended}")
