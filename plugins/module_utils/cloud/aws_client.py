# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS by boto3: a client of a service in a region by the option `cloud`, and what its failures mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.errors import cut
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, NotFound, NotPermitted, Refused, Unreachable

TIMEOUT = 10.0  # s, to connect and for each answer
TRIES = 3
FORBIDDEN = ("UnauthorizedOperation", "AuthFailure", "AccessDenied", "AccessDeniedException", "OptInRequired", "ExpiredToken", "RequestExpired")
BUSY = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "InternalError", "Unavailable", "ServiceUnavailable", "InsufficientInstanceCapacity")


def aws_client(service: str, region: str, cloud: Optional[Mapping[str, Any]]) -> Any:
    """The client; nothing is asked yet. Raises BadInput where no credentials can be told from the profile."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    given = {name: value for name, value in (cloud or {}).items() if value}
    keys = {"aws_access_key_id": given.get("access_key"), "aws_secret_access_key": given.get("secret_key"), "aws_session_token": given.get("session_token")}
    # An explicit key beats a profile.
    chosen = keys if given.get("access_key") else {"profile_name": given.get("profile")}
    config = Config(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": TRIES, "mode": "standard"})
    try:
        session = boto3.session.Session(**chosen)
        return session.client(service, region_name=region, endpoint_url=given.get("endpoint_url"), verify=given.get("aws_ca_bundle"), config=config)
    except (BotoCoreError, ValueError) as error:
        raise BadInput(f"no client of AWS's {service} in {region} can be made: {cut(error)}; see the option cloud") from None


@contextmanager
def asking(act: str) -> Iterator[None]:
    """Failures of boto3 inside become expected ones, with `act` before them."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _answered(act, error.response) from None
    except BotoCoreError as error:
        raise _unanswered(act, error) from None


def _answered(act: str, response: Mapping[str, Any]) -> CollectionError:
    said = response.get("Error", {})
    code, words = str(said.get("Code", "")), cut(said.get("Message", ""))
    text = f"{act}: AWS says {code}: {words}"
    if code in BUSY or response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return Unreachable(text)
    if code in FORBIDDEN:
        return NotPermitted(text)
    return NotFound(text) if ".NotFound" in code or code.endswith("NotFound") or code == "InvalidAMIID.Unavailable" else Refused(text)


def _unanswered(act: str, error: Any) -> CollectionError:
    from botocore import exceptions

    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.TokenRetrievalError)):
        return NotPermitted(f"{act}: {cut(error)}; give cloud a key or a profile")
    if isinstance(error, exceptions.ParamValidationError):
        return Refused(f"{act}: {cut(error)}")
    return Unreachable(f"{act}: {cut(error)}")
