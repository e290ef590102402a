# SPDX-License-Identifier: MIT
"""Certificates made on the spot with openssl(1), and servers that show them."""

import atexit
import functools
import pathlib
import shutil
import ssl
import subprocess
import tempfile

HERE = pathlib.Path(tempfile.mkdtemp(prefix="hostile-tls."))
atexit.register(shutil.rmtree, HERE)

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=HERE)


@functools.lru_cache
def authority(name):
    openssl("req", "-x509", *CURVE, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}",
            "-days", "2", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return name


@functools.lru_cache
def certificate(name, *extensions, issuer="ours", kind=CURVE, digest="-sha256"):
    """Files NAME.pem and NAME.key."""
    authority(issuer)
    (HERE / f"{name}.ext").write_text("\n".join(extensions or (NAMES,)) + "\n")
    openssl("req", *kind, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=x")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "2", "-extfile", f"{name}.ext", digest)
    return name


def server(name, version=None, ciphers="DEFAULT", asks=None):
    """What makes a connection one of TLS, with the server's certificate; `asks`: whose certificates it wants."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.minimum_version = version or ssl.TLSVersion.TLSv1_2
    context.maximum_version = version or ssl.TLSVersion.MAXIMUM_SUPPORTED
    context.load_cert_chain(HERE / f"{name}.pem", HERE / f"{name}.key")
    if asks:
        context.load_verify_locations(HERE / f"{authority(asks)}.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return lambda sock: context.wrap_socket(sock, server_side=True)
