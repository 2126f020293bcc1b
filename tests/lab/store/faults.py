"""What a real S3 refuses and moto does not: the wrong region, a clock that is off; and the faults that a test asks for."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import datetime
import re
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

SKEW = 900  # s that S3 allows a request's time to differ
# Code: status, words and more elements, as S3 answers them (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
ANSWERS: dict[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match the signature you provided. Check your key and signing method."),
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records."),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "ExpiredToken": (400, "The provided token has expired."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "PermanentRedirect": (301, "The bucket you are attempting to access must be addressed using the specified endpoint."),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed; the region is wrong"),
    "SlowDown": (503, "Please reduce your request rate."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "NoSuchEntity": (404, "The identity with that name cannot be found."),
}
SIGNED = re.compile(r"Credential=(?P<key>[^/,]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass
class Fault:
    """An answer instead of the store's own: a code of ANSWERS, "slow" (after `seconds`, then its own), "reset" or "garbled" (other bytes are read).

    `action` is that of a call to IAM; the first `after` calls that it is for pass.
    """

    answer: str
    times: int = 1_000_000
    method: str = ""
    path: str = ""
    query: str = ""
    seconds: float = 0.0
    action: str = ""
    after: int = 0

    def meets(self, method: str, path: str, query: str, action: str) -> bool:
        if self.times <= 0 or self.method not in ("", method) or not path.startswith(self.path) or self.query not in query or self.action not in ("", action):
            return False
        self.after -= 1
        return self.after < 0

    def reply(self) -> "Answer":
        """Its code as the store would say it."""
        return asked_for(self.answer, bool(self.action))


@dataclass
class Answer:
    """An error as S3 writes it."""

    code: str
    more: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    wrapped: bool = False  # as IAM does it

    @property
    def status(self) -> int:
        return ANSWERS[self.code][0]

    @property
    def body(self) -> bytes:
        parts = {"Code": self.code, "Message": ANSWERS[self.code][1], **self.more, "RequestId": "0123456789ABCDEF", "HostId": "lab"}
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts.items())
        error = f"<Error>{inner}</Error>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{f"<ErrorResponse>{error}</ErrorResponse>" if self.wrapped else error}'.encode()


def asked_for(code: str, wrapped: bool = False) -> Answer:
    """What a test wants to see, with the elements that such an answer has."""
    more = {
        "PermanentRedirect": {"Endpoint": "s3.eu-central-1.amazonaws.com"},
        "AuthorizationHeaderMalformed": {"Region": "eu-central-1"},
        "RequestTimeTooSkewed": {"RequestTime": "20261125T000000Z", "ServerTime": "2026-11-25T01:00:00Z", "MaxAllowedSkewMilliseconds": "900000"},
    }.get(code, {})
    region = {"x-amz-bucket-region": "eu-central-1"} if code == "PermanentRedirect" else {}
    return Answer(code, more, region, wrapped)


def wrong_time(headers: dict[str, str], offset: float) -> Answer | None:
    """S3's answer to a request whose time is too far from the store's clock, which runs `offset` seconds ahead of the machine's."""
    said = headers.get("x-amz-date", "")
    if not said:
        return None
    there = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=offset)
    asked = datetime.datetime.strptime(said, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    if abs((there - asked).total_seconds()) <= SKEW:
        return None
    return Answer("RequestTimeTooSkewed", {"RequestTime": said, "ServerTime": there.strftime("%Y-%m-%dT%H:%M:%SZ"), "MaxAllowedSkewMilliseconds": "900000"})


def wrong_region(signed: re.Match[str] | None, region: str | None, query: str) -> Answer | None:
    """S3's answer to a request signed for another region than the bucket's. Where a bucket is can be asked from us-east-1."""
    if signed is None or region is None or signed["service"] != "s3" or signed["region"] == region:
        return None
    if signed["region"] == "us-east-1" and "location" in query.split("&"):
        return None
    return Answer("AuthorizationHeaderMalformed", {"Region": region}, {"x-amz-bucket-region": region})


def faults_of(entries: list[dict[str, Any]]) -> list[Fault]:
    found = [Fault(**entry) for entry in entries]
    unknown = [fault.answer for fault in found if fault.answer not in (*ANSWERS, "slow", "reset", "garbled")]
    if unknown:
        raise ValueError(f"no such fault: {', '.join(unknown)}")
    return found
