"""What moto's IAM says of a signature and an action, for what of AWS the lab serves beside its API; and its refusals
in AWS's words, as moto answers JSON services in XML.

Must not know who asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NoReturn

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import AccessDeniedError, JsonRESTError
from moto.iam.access_control import IAMPolicy, IAMRequest, IAMUserAccessKey, PermissionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends
from moto.sts.models import sts_backends

_PARTITION = "aws"
_SIGNED_AS = {"monitoring": "cloudwatch"}  # where IAM has another name than signatures have; moto knows those alone
_check_action_permitted = IAMRequest.check_action_permitted


def install() -> None:
    """Put our refusals and IAM's own names of services into moto, for the whole process."""
    IAMRequest._raise_access_denied = _refuse
    IAMRequest.check_action_permitted = _check


def _check(request: IAMRequest, resource: str) -> None:
    service, _, action = request._action.partition(":")
    request._action = f"{_SIGNED_AS.get(service, service)}:{action}"
    _check_action_permitted(request, resource)


def _refuse(request: IAMRequest) -> NoReturn:
    words = f"User: {request._access_key.arn} is not authorized to perform: {request._action}"
    if "X-Amz-Target" in request._headers:
        raise JsonRESTError("AccessDeniedException", words)
    raise AccessDeniedError(user_arn=request._access_key.arn, action=request._action)


def secret_of(key_id: str) -> str | None:
    """The secret of a user's access key; None if nobody has it."""
    users = iam_backends[DEFAULT_ACCOUNT_ID][_PARTITION].users.values()
    found = (key for user in list(users) for key in user.access_keys if key.access_key_id == key_id)
    return next((str(key.secret_access_key) for key in found), None)


def credentials_of(key_id: str) -> tuple[str, str | None]:
    """Secret and session token of a key, also of one that a role's session has; "none" if nobody has it."""
    for one in sts_backends[DEFAULT_ACCOUNT_ID][_PARTITION].assumed_roles:
        if one.access_key_id == key_id:
            return str(one.secret_access_key), str(one.session_token)
    return secret_of(key_id) or "none", None


def know(policy: str) -> None:
    """Let AWS's own policy of this ARN be there. moto has them all, and takes a second to load them."""
    policies = iam_backends[DEFAULT_ACCOUNT_ID][_PARTITION].managed_policies
    name = policy.rpartition("/")[2]
    if ":iam::aws:policy/" not in policy or policy in policies:
        return
    data = json.loads(aws_managed_policies_data).get(name)
    if data is not None:
        policies[policy] = AWSManagedPolicy.from_data(name, DEFAULT_ACCOUNT_ID, "us-east-1", data)


def allows(key_id: str, action: str, context: Mapping[str, str]) -> bool:
    """May the user of this key do it? Everybody may everything while IAM is not enforced; moto knows no conditions, so
    ``context`` does not count."""
    if ActionAuthenticatorMixin.request_count < settings.INITIAL_NO_AUTH_ACTION_COUNT:
        return True
    policies = IAMUserAccessKey(DEFAULT_ACCOUNT_ID, _PARTITION, key_id, {}).collect_policies()
    said = [IAMPolicy(policy).is_action_permitted(action) for policy in policies]
    return PermissionResult.PERMITTED in said and PermissionResult.DENIED not in said
