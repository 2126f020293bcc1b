# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys parsed by `cryptography`, of any version from 3.3 on, into plain facts."""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Fault, Key, Material, Paper
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_pem import Block, scan

BROKEN = ("bad_certificate", "a block CERTIFICATE holds no certificate that can be read")


def read_material(given: Union[str, bytes], near: Sequence[Paper] = ()) -> Material:
    """What is in a text (or in the bytes of a file). `near` are certificates that may have signed some of these."""
    found = scan(given.encode("utf-8", "surrogateescape") if isinstance(given, str) else given)
    papers = [_paper(block.text.reveal()) for block in found.blocks if block.is_certificate]
    keys = [_key(block) for block in found.blocks if block.is_key]
    faults = [one for one in (*papers, *keys) if isinstance(one, Fault)]
    good = [one for one in papers if isinstance(one, Paper)]
    return Material(linked(good, near), tuple(one for one in keys if isinstance(one, Key)), (*found.faults, *faults))


def read_der(data: bytes) -> Paper:
    """One certificate as a server sends it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = _x509(x509.load_der_x509_certificate, data).public_bytes(Encoding.PEM).decode()
    read = _paper(pem)
    return linked([read], ())[0] if isinstance(read, Paper) else Paper(hashlib.sha256(data).hexdigest(), "", "", NEVER, NEVER, pem)


def fingerprints(bundle: bytes) -> frozenset[str]:
    """Of all certificates of a store or a file, without a look into them. Red Hat's family trusts a file in DER, too."""
    found = scan(bundle)
    if any(fault.kind == "der" for fault in found.faults):
        return frozenset([hashlib.sha256(bundle).hexdigest()])
    return frozenset(_fingerprint(block) for block in found.blocks if block.is_certificate)


def without(bundle: bytes, left_out: frozenset[str]) -> str:
    """The PEM text of a store without some of its certificates."""
    return "".join(block.text.reveal() for block in scan(bundle).blocks if block.is_certificate and _fingerprint(block) not in left_out)


def _fingerprint(block: Block) -> str:
    return hashlib.sha256(base64.b64decode("".join(block.text.reveal().splitlines()[1:-1]))).hexdigest()


def authorities_above(bundle: bytes, below: Sequence[Paper]) -> tuple[Paper, ...]:
    """Those certificates of a store whose names the given ones have as their signers'."""
    wanted = {paper.issuer for paper in below}
    found = [_paper(block.text.reveal(), wanted) for block in scan(bundle).blocks if block.is_certificate]
    return linked([one for one in found if isinstance(one, Paper)], ())


def linked(papers: Sequence[Paper], near: Sequence[Paper]) -> tuple[Paper, ...]:
    """The same with `signers` filled in, by their signatures."""
    at_hand = [*papers, *near]
    return tuple(replace(paper, signers=tuple(one.fingerprint for one in at_hand if one.subject == paper.issuer and _signed(paper, one))) for paper in papers)


def key_text(given: str) -> str:
    """The private key of a text, as a file wants it."""
    return "".join(block.text.reveal() for block in scan(given.encode("utf-8", "surrogateescape")).blocks if block.is_key)


NEVER = datetime.fromtimestamp(0, timezone.utc)


def _paper(pem: str, subjects: Optional[set[str]] = None) -> Union[Paper, Fault, None]:
    """The facts; None where its subject is none of those wanted."""
    from cryptography import x509

    try:
        found = _x509(x509.load_pem_x509_certificate, pem.encode())
        if subjects is not None and found.subject.rfc4514_string() not in subjects:
            return None
        return _facts(found, pem)
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return Fault(BROKEN[0], f"{BROKEN[1]}: {type(error).__name__}", hides=True)


def _x509(load: Any, data: bytes) -> Any:
    """Up to 3.0 a backend had to be named; it still may. A store of a host has old ones that the library would warn of each time."""
    from cryptography.hazmat.backends import default_backend

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(data, default_backend())


def _facts(found: Any, pem: str) -> Paper:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    digest = found.signature_hash_algorithm
    common = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    names = _extension(found, x509.SubjectAlternativeName)
    usage = _extension(found, x509.ExtendedKeyUsage)
    allowed = {oid.dotted_string for oid in usage} if usage else {"1.3.6.1.5.5.7.3.1"}
    return Paper(
        fingerprint=found.fingerprint(hashes.SHA256()).hex(),
        subject=found.subject.rfc4514_string(),
        issuer=found.issuer.rfc4514_string(),
        begins=_time(found, "not_valid_before"),
        ends=_time(found, "not_valid_after"),
        pem=pem,
        **_of_key(found.public_key()),
        digest=digest.name if digest else "none",
        common_name=str(common[0].value) if common else "",
        names=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
        addresses=tuple(str(one) for one in names.get_values_for_type(x509.IPAddress)) if names else (),
        for_servers=bool(allowed & {"1.3.6.1.5.5.7.3.1", "2.5.29.37.0"}),
        **_as_authority(found),
    )


def _as_authority(found: Any) -> dict[str, Any]:
    from cryptography import x509

    basic = _extension(found, x509.BasicConstraints)
    usage = _extension(found, x509.KeyUsage)
    depth = basic.path_length if basic and basic.path_length is not None else -1
    return {"is_authority": bool(basic and basic.ca), "may_sign": usage.key_cert_sign if usage else True, "depth": depth}


def _extension(found: Any, kind: Any) -> Any:
    from cryptography import x509

    try:
        return found.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _time(found: Any, name: str) -> datetime:
    """Newer versions know the time zone, and will lose the names without it."""
    known = getattr(found, f"{name}_utc", None)
    return known if isinstance(known, datetime) else getattr(found, name).replace(tzinfo=timezone.utc)


def _of_key(public: Any) -> dict[str, Any]:
    """Kind and size, and the fingerprint of the public half."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    kind = type(public).__name__.strip("_").replace("PublicKey", "").lower()
    size = public.curve.name if hasattr(public, "curve") else getattr(public, "key_size", "")
    told = f"ec {size}" if hasattr(public, "curve") else f"{kind} {size}".strip()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {"key": told, "spki": hashlib.sha256(der).hexdigest()}


def _key(block: Block) -> Union[Key, Fault]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.backends import default_backend
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(block.text.reveal().encode(), None, default_backend())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return Fault("bad_key", f"the block {block.label} holds no private key that can be read")
    return Key(**_of_key(found.public_key()))


def _signed(paper: Paper, signer: Paper) -> bool:
    """Whether the signer's key made the signature."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    found = _x509(x509.load_pem_x509_certificate, paper.pem.encode())
    key = _x509(x509.load_pem_x509_certificate, signer.pem.encode()).public_key()
    try:
        key.verify(found.signature, found.tbs_certificate_bytes, *_how(key, found))
    except (InvalidSignature, ValueError, TypeError):
        return False
    except UnsupportedAlgorithm:  # newer versions check no old digests; who asks names those as faults
        return paper.digest in ("sha1", "md5")
    return True


def _how(key: Any, found: Any) -> tuple[Any, ...]:
    """What `verify` wants to know besides, by the kind of the key."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    digest = found.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey):
        pss = found.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.10"
        told = getattr(found, "signature_algorithm_parameters", None) if pss else None
        return (told or padding.PKCS1v15(), digest)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return (ec.ECDSA(digest),)
    return (digest,) if digest else ()
