# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether certificates can do what they are given for: a server's chain with its key, or authorities to be trusted. Every fault by its own name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Fault, Material, Paper, days_left
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_names import is_for_by_common_name, name_fault

CURVES = ("secp256r1", "secp384r1", "secp521r1")  # what browsers, nginx and Java all take
LEAST_RSA = 2048  # bits


@dataclass(frozen=True)
class Asked:
    """What is asked of certificates. `known` are authorities that stand elsewhere: the host trusts them, or the operator named them."""

    now: datetime
    host_names: tuple[str, ...] = ()
    min_days: int = 0
    order: str = "fix"
    self_signed: bool = False
    known: tuple[Paper, ...] = ()


@dataclass(frozen=True)
class Judged:
    """The certificates in the order they are to be used in, why they cannot be used, and what was mended."""

    papers: tuple[Paper, ...] = ()
    faults: tuple[Fault, ...] = ()
    mended: tuple[Fault, ...] = ()


def judge_server(given: Material, asked: Asked) -> Judged:
    """A chain that a server shows: its own certificate first, then each one's signer, the root left out."""
    early = _unusable(given)
    if early:
        return Judged(faults=early)
    single = _single(given.papers)
    leaf = _leaf(single, asked)
    if leaf is None:
        return Judged(faults=(_no_leaf(single),))
    way = _way(leaf, single)
    chain = way[:-1] if len(way) > 1 and way[-1].is_self_signed else way
    arranged = _arrangement(given.papers, single, way)
    faults = [*given.faults, *arranged]
    faults += _end(way, asked) if "wrong_signature" not in [fault.kind for fault in arranged] else []
    faults += [_root_included(way[-1])] if chain != way else []
    faults += [fault for paper in way for fault in _paper(paper, paper is leaf, asked)] + _signing(way)
    faults += _as_server(leaf, asked)
    return _sorted_out(chain, faults, asked)


def judge_authorities(given: Material, asked: Asked) -> Judged:
    """Authorities to be trusted: each below its signer, up to the root."""
    early = _unusable(given)
    if early:
        return Judged(faults=early)
    single = _single(given.papers)
    ordered = _ordered(single)
    faults = [*given.faults, *_repeated(given.papers, single)]
    faults += [Fault("wrong_order", "they are not in order: each comes before the one that signed it, the root last", True)] if ordered != single else []
    faults += [
        Fault("leaf_instead_of_authority", f"{paper.title} is a certificate of a server, not an authority") for paper in single if not paper.is_authority
    ]
    faults += [fault for paper in single for fault in _top(paper, single, asked)]
    faults += [fault for paper in single for fault in _paper(paper, False, asked)]
    faults += [_may_not(paper) for paper in single if paper.is_authority and not paper.may_sign]
    return _sorted_out(ordered, faults, asked)


def judge_key(given: Material, leaf: Optional[Paper]) -> tuple[Fault, ...]:
    """The one private key that goes with the certificate."""
    faults = [fault for fault in given.faults if not fault.mendable and fault.kind != "empty"]
    if given.papers:
        faults.append(Fault("certificate_in_key", "there is a certificate beside the key; give it where the certificates are given"))
    if faults:
        return tuple(faults)
    if len(given.keys) != 1:
        kind = ("no_key", "there is no private key in it") if not given.keys else ("two_keys", "there is more than one private key in it")
        return (Fault(*kind),)
    key = given.keys[0]
    if leaf is not None and key.spki != leaf.spki:
        return (Fault("key_mismatch", f"the key ({key.key}) is not that of the certificate {leaf.title} ({leaf.key})"),)
    return ()


def _sorted_out(papers: Sequence[Paper], faults: Sequence[Fault], asked: Asked) -> Judged:
    mended = tuple(fault for fault in faults if fault.mendable)
    bad = tuple(fault for fault in faults if not fault.mendable)
    return Judged(tuple(papers), bad + mended, ()) if asked.order == "refuse" else Judged(tuple(papers), bad, mended)


def _unusable(given: Material) -> tuple[Fault, ...]:
    """What must be put right before there is a chain to look at."""
    faults = [fault for fault in given.faults if not fault.mendable]
    if given.keys:
        faults.append(Fault("key_inside", "there is a private key among the certificates; take it out, and make a new one if others could read it"))
    if not given.papers and not faults:
        faults.append(Fault("no_certificate", "there is no certificate in it"))
    return tuple(faults)


# -- who signed whom -----------------------------------------------------------------------------------------


def _single(papers: Sequence[Paper]) -> list[Paper]:
    return list({paper.fingerprint: paper for paper in papers}.values())


def _leaf(papers: Sequence[Paper], asked: Asked) -> Optional[Paper]:
    """The first that is no authority, and best one that signed none of the others."""
    if asked.self_signed and _is_lone_root(papers):  # `openssl req -x509` makes an authority of each
        return papers[0]
    ends = [paper for paper in papers if not paper.is_authority]
    last = [paper for paper in ends if not any(paper.fingerprint in other.signers for other in papers if other is not paper)]
    return (last or ends or [None])[0]  # type: ignore[list-item]


def _is_lone_root(papers: Sequence[Paper]) -> bool:
    return len(papers) == 1 and papers[0].is_self_signed


def _no_leaf(papers: Sequence[Paper]) -> Fault:
    own = "; where it is the server's own, made by openssl req -x509, set self_signed" if _is_lone_root(papers) else ""
    return Fault("authority_instead_of_leaf", f"it holds authorities only; the certificate of the server is missing{own}")


def _way(start: Paper, papers: Sequence[Paper]) -> list[Paper]:
    """From one certificate over its signers as far as they are at hand.

    An authority may be there twice, signed by itself and by an older one: the latter is on the way, since who trusts only the older one needs it.
    """
    way = [start]
    while not way[-1].is_self_signed:
        above = [paper for paper in papers if paper.fingerprint in way[-1].signers and paper not in way]
        if not above:
            break
        way.append(min(above, key=lambda paper: (paper.is_self_signed, not paper.signers)))
    return way


def _ordered(papers: list[Paper]) -> list[Paper]:
    """Each before its signer, otherwise as given."""
    left, found = list(papers), []
    while left:
        free = [paper for paper in left if not any(paper.fingerprint in other.signers for other in left if other is not paper)] or left
        found.append(free[0])
        left.remove(free[0])
    return found


def _arrangement(given: Sequence[Paper], single: list[Paper], way: list[Paper]) -> list[Fault]:
    faults = _repeated(given, single)
    if [paper for paper in single if paper in way] != way:
        faults.append(Fault("wrong_order", "they are not in order: the server's own comes first, then each one's signer", True))
    for paper in single:
        if paper not in way:
            faults.append(_beside(paper, way))
    return faults


def _beside(paper: Paper, way: list[Paper]) -> Fault:
    if any(paper.fingerprint in one.signers for one in way):
        return _spare(paper)
    claims = [one for one in way if one.issuer == paper.subject]
    if claims and paper.is_authority:
        return Fault("wrong_signature", f"{paper.title} has the name that {claims[0].title} gives as its signer, but did not sign it; it was made anew since")
    return Fault("stranger", f"{paper.title} is no part of the chain")


def _spare(paper: Paper) -> Fault:
    """It did sign one of the chain, and another certificate of the same authority is on the way."""
    if paper.is_self_signed:
        return _root_included(paper)
    return Fault("cross_signed", f"{paper.title} is there more than once, signed by different authorities; one of them is enough", True)


def _root_included(paper: Paper) -> Fault:
    return Fault("root_included", f"the root {paper.title} is among them, which nobody needs to be sent", True)


def _repeated(given: Sequence[Paper], single: Sequence[Paper]) -> list[Fault]:
    return [Fault("duplicate", "a certificate is there more than once", True)] if len(given) != len(single) else []


def _end(way: list[Paper], asked: Asked) -> list[Fault]:
    """Whether clients can get from one of the chain to something they trust: from any, as an authority may have been signed by more than one."""
    top, known = way[-1], {paper.fingerprint for paper in asked.known}
    if any(signer in known for paper in way for signer in paper.signers):
        return []
    if not top.is_self_signed:
        where = "which is neither in the chain nor an authority that is trusted here"
        return [Fault("missing_intermediate", f"{top.title} was signed by {top.issuer}, {where}")]
    if len(way) > 1:
        where = "which is no authority that is trusted here; where your users trust it, name it in authorities"
        return [Fault("unknown_root", f"the chain ends at {top.title}, {where}")]
    return [] if asked.self_signed else [Fault("self_signed", f"{top.title} is signed by itself; no client trusts it")]


def _top(paper: Paper, papers: Sequence[Paper], asked: Asked) -> list[Fault]:
    """An authority whose signer is nowhere: Java wants the chain whole."""
    if paper.is_self_signed or not paper.is_authority or any(other.fingerprint in paper.signers for other in (*papers, *asked.known)):
        return []
    if any(other.subject == paper.issuer for other in papers):
        return [Fault("wrong_signature", f"{paper.issuer} is there but did not sign {paper.title}; it was made anew since")]
    return [Fault("missing_root", f"{paper.title} was signed by {paper.issuer}, which is not there; the whole chain up to the root is needed")]


# -- one certificate -----------------------------------------------------------------------------------------


def _paper(paper: Paper, is_leaf: bool, asked: Asked) -> list[Fault]:
    faults = [*_times(paper, is_leaf, asked), *_strength(paper)]
    # Of a root nobody checks the signature: it is trusted for being there.
    if paper.digest in ("sha1", "md5") and not paper.is_self_signed:
        faults.append(Fault(paper.digest, f"{paper.title} is signed with {paper.digest.upper()}, which clients refuse"))
    return faults


def _times(paper: Paper, is_leaf: bool, asked: Asked) -> list[Fault]:
    left = days_left(paper, asked.now)
    if paper.ends <= asked.now:
        return [Fault("expired_leaf" if is_leaf else "expired_authority", f"{paper.title} ended on {paper.ends:%Y-%m-%d}")]
    if paper.begins > asked.now:
        return [Fault("not_yet_valid", f"{paper.title} begins on {paper.begins:%Y-%m-%d %H:%M} UTC only; or the clock of this host is wrong")]
    if left < asked.min_days:
        return [Fault("expires_soon", f"{paper.title} ends on {paper.ends:%Y-%m-%d}, in {left} days, but min_days is {asked.min_days}")]
    return []


def _strength(paper: Paper) -> list[Fault]:
    kind, _space, size = paper.key.partition(" ")
    if kind == "rsa":
        weak = int(size) < LEAST_RSA
        return [Fault("rsa_too_short", f"{paper.title} has an RSA key of {size} bits; clients want {LEAST_RSA}")] if weak else []
    if kind == "ec":
        known = ", ".join(CURVES)
        return [] if size in CURVES else [Fault("ec_curve", f"{paper.title} has a key on the curve {size}, which clients do not know; they know {known}")]
    return [Fault("key_kind", f"{paper.title} has a key of the kind {paper.key}, which browsers and older Java do not take; use RSA or EC")]


def _may_not(paper: Paper) -> Fault:
    return Fault("may_not_sign", f"{paper.title} has signed, but may not: its own certificate does not allow it to sign others")


def _signing(way: list[Paper]) -> list[Fault]:
    faults = [_may_not(paper) for paper in way[1:] if not (paper.is_authority and paper.may_sign)]
    for below, paper in enumerate(way[1:]):
        if 0 <= paper.depth < below:
            faults.append(Fault("path_too_long", f"{paper.title} allows {paper.depth} authorities below it, and there are {below}"))
    return faults


def _as_server(leaf: Paper, asked: Asked) -> list[Fault]:
    faults = [] if leaf.for_servers else [Fault("not_for_servers", f"{leaf.title} may not be used by servers (its extended key usage says for what)")]
    return faults + [fault for name in asked.host_names for fault in (_name(leaf, name, asked),) if fault]


def _name(leaf: Paper, name: str, asked: Asked) -> Optional[Fault]:
    """Behind a load balancer nobody looks at the names, and `openssl req -x509` writes none but the common one."""
    fault = name_fault(leaf, name)
    if fault and asked.self_signed and leaf.is_self_signed and is_for_by_common_name(leaf, name):
        return Fault("no_san", f"{leaf.title} has no alternative names, which is enough behind a load balancer only", True)
    return fault
