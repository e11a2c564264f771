"""Makes a self-signed certificate for tests of TLS. For users outside, take one that they trust."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from configs.tls import TlsError, TlsFiles
from controlplane.guard import LOOPBACK

DAYS = 365


def make_certificate(folder: Path, hosts: Sequence[str], days: int = DAYS) -> TlsFiles:
    """``certificate.pem`` and ``key.pem`` (mode 600) in a folder; the loopback's names are in it too.

    Args:
        folder: made where it is missing.
        hosts: names and addresses that the northbound is called by.
        days: how long it holds, from now on.

    Raises:
        TlsError: there is one already, a host that is no name, or a folder that cannot be written to.
    """
    files = TlsFiles(str(folder / "certificate.pem"), str(folder / "key.pem"))
    names = [_general_name(host) for host in dict.fromkeys((*hosts, *LOOPBACK))]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (hosts or LOOPBACK)[0][:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_new(files.key, secret, 0o600)
        _write_new(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except FileExistsError as error:
        raise TlsError(f"{error.filename} is there already; choose another folder or remove it") from None
    except OSError as error:
        raise TlsError(f"{error.filename or folder}: {error.strerror}; choose another folder") from None
    return files


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise TlsError(f"host {host[:80]!r} is no name of ASCII letters and no address") from None


def _write_new(file: str, content: bytes, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
