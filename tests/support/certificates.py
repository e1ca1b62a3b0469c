"""A certificate of its own for a server in a test, made by the openssl command; the test is skipped without it."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest


def certificate_for(folder: Path, *names: str) -> tuple[ssl.SSLContext, str]:
    """A server's TLS for these names, and the file that a client trusts it by."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    alternatives = ",".join(f"IP:{name}" if name[0].isdigit() else f"DNS:{name}" for name in names)
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={names[0]}")
    files = ("-keyout", str(key), "-out", str(certificate))
    extension = ("-addext", f"subjectAltName={alternatives}")
    subprocess.run([openssl, *made, *files, *extension], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, str(certificate)
