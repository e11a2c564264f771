"""TLS of the northbound: which certificate a process shows, and how our own clients know it again.

Certificate and key are named by ``services.northbound_certificate`` and ``services.northbound_key``. Not
here: how a process listens (``controlplane/http_server.py``), making a certificate
(``controlplane/certificate.py``).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class TlsError(ValueError):
    """Certificate or key cannot be used; names the file and the remedy."""


@dataclass(frozen=True)
class TlsFiles:
    """What a process shows: a certificate (with its chain, if any) and the key to it, in PEM."""

    certificate: str
    key: str

    def server_context(self) -> ssl.SSLContext:
        """For a process that listens; TLS 1.2 and later.

        Raises:
            TlsError: a file that cannot be read, or a key that is not the certificate's.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError is one
            raise TlsError(
                f"services.northbound_certificate {self.certificate}, services.northbound_key {self.key}: "
                f"{error}; both are needed in PEM, the key being the certificate's, without a passphrase"
            ) from None
        return context


def client_context(certificate: str) -> ssl.SSLContext:
    """For a client of ours: it takes this very certificate and no other; without one, what the system trusts.

    The name in it is not looked at, because our clients ask on whatever address is nearest, and the
    certificate itself is known.

    Raises:
        TlsError: a file that cannot be read.
    """
    if not certificate:
        return _trusting_the_system()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    # The first one in the file is the server's own. Those behind it must not be trusted: whatever else they
    # have signed would be taken too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        text = Path(certificate).read_text()
        own = _BEGIN + text.split(_BEGIN, 1)[1].split(_END, 1)[0] + _END
        context.load_verify_locations(cadata=own)
    except (OSError, IndexError, ValueError) as error:
        raise TlsError(f"services.northbound_certificate {certificate}: {error}; PEM is needed") from None
    return context


@lru_cache(1)
def _trusting_the_system() -> ssl.SSLContext:
    # Reading the system's certificates takes some 20 ms; every client of ours may share them.
    return ssl.create_default_context()
