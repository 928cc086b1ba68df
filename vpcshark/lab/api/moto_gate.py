"""What EC2 looks at in any request before it looks for resources: the form of ids, tags, page sizes, filters' names.

After the permission, before moto's own answer. What a call takes, botocore's model says: the limits of its parameters,
and its documentation the filters. Changes moto for the whole process. Must not know Traffic Mirroring.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import unescape
from typing import Any

import botocore.session
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response
from werkzeug.exceptions import HTTPException

from vpcshark.lab.api import ids, tag_rules
from vpcshark.lab.api.lag import LAG
from vpcshark.lab.api.state import ApiError

MOST_VALUES = 200  # of all filters of a call: "Filtering your resources" in the EC2 User Guide
_FILTERS = ("Filters", "Filter")  # the second of some newer calls
_NAME = re.compile(r"<li>\s*(?:<p>)?\s*<code>([^<]+)</code>")
_allowed = EC2Response._authenticate_and_authorize_normal_action


def install() -> None:
    """Put the gate before moto's EC2. Doing it again changes nothing."""
    EC2Response._authenticate_and_authorize_normal_action = _let_in


def _let_in(response: Any, resource: str = "*") -> None:
    _allowed(response, resource)
    try:
        check(response._get_action(), response.params)
    except ApiError as error:
        status, _, body = response.serialized(ActionResult(EC2ClientError(error.code, error.message)))
        refused = HTTPException(body)
        refused.code = status
        raise refused from None


def check(action: str, params: Mapping[str, Any]) -> None:
    """Refuse what EC2 would refuse whatever there is. ApiError."""
    ids.check(params, LAG.is_known)
    tag_rules.check(params)
    members = _members(action)
    if params.get("MaxResults") is not None:
        _check_page(members, params)
    for word in _FILTERS:
        if params.get(word):
            _check_filters(_filters(action, word), params[word])


def _check_page(members: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    shape, size = members["MaxResults"], int(params["MaxResults"])
    low, high = int(shape.metadata.get("min", 5)), int(shape.metadata.get("max", 1000))
    if not low <= size <= high:
        bound = f"greater than {low}" if size < low else f"less than {high}"
        words = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value {bound}."
        raise ApiError("InvalidParameterValue", words)
    given = next((name for name in params if name.endswith("Ids") and params[name]), "")
    if given and "cannot specify this parameter and the" in shape.documentation:
        words = f"The parameter {given} cannot be used with the parameter maxResults"
        raise ApiError("InvalidParameterCombination", words)


def _check_filters(known: frozenset[str], filters: list[Mapping[str, Any]]) -> None:
    for one in filters:
        name = str(one.get("Name"))
        is_tag = name.startswith("tag:") and any(each.startswith("tag") for each in known)
        if known and name not in known and not is_tag:
            raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")
    if sum(len(one.get("Values") or []) for one in filters) > MOST_VALUES:
        raise ApiError("FilterLimitExceeded", f"The maximum number of filter values is {MOST_VALUES}.")


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("ec2")


@cache
def _members(action: str) -> Mapping[str, Any]:
    shape = _model().operation_model(action).input_shape if action in _model().operation_names else None
    return shape.members if shape is not None else {}


@cache
def _filters(action: str, word: str) -> frozenset[str]:
    """The names that AWS documents; none where it lists none."""
    shape = _members(action).get(word)
    return (
        frozenset(unescape(name) for name in _NAME.findall(shape.documentation)) if shape is not None else frozenset()
    )
