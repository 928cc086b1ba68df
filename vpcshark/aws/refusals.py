"""AWS's refusals in our words: an error code and its message -> what is wrong, and what to do. Pure tables.

The reason that AWS gives is told: which policy, which resource, which limit. What is in no table keeps AWS's own words.
Must not know boto3's exceptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

THROTTLES = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled"}
THROTTLES |= {"TooManyRequestsException", "EC2ThrottledException", "SlowDown", "BandwidthLimitExceeded"}
DENIALS = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation"}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
FAULTS = {"InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable", "RequestTimeout"}
BAD_KEYS = {"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}
BAD_KEYS |= {"MissingAuthenticationToken", "IncompleteSignature", "InvalidAccessKeyId", "InvalidSignatureException"}

DENIED_ACTION = re.compile(r"not authorized to perform: ([\w-]+:\w+)")
DENIED_ON = re.compile(r"on resource: (\S+)")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html, "Access denied message examples"
_FORBIDDEN = re.compile(r"with an explicit deny in (?:an? |the )?([\w -]*?(?:policy|boundary))(?:: (arn:\S+))?")
_NOT_ALLOWED = re.compile(r"because no ([\w -]*?(?:policy|boundary)) allows")
_UNTIMELY = re.compile(r"Signature (?:expired|not yet current)|RequestTimeTooSkewed", re.IGNORECASE)
_CODE_WRONG = re.compile(r"MultiFactorAuthentication failed with invalid MFA", re.IGNORECASE)

SKEW = 240.0  # seconds; AWS refuses signatures that are five minutes off

# Whose policy it is, and who can do something about it.
_POLICIES: Mapping[str, tuple[str, str]] = {
    "service control policy": (
        "A service control policy of your organization",
        "Whoever administers the organization can change that; a permission in the account does not help.",
    ),
    "resource control policy": (
        "A resource control policy of the organization that owns the resource",
        "Whoever administers that organization can change it; a permission in the account does not help.",
    ),
    "permissions boundary": (
        "The permissions boundary of your user or role",
        "Ask whoever set the boundary; a permission beside it does not help.",
    ),
    "session policy": (
        "The policy of your session",
        "Sign in with a session or SSO permission set that lets it through; a permission of the role does not help.",
    ),
    "resource-based policy": ("The policy of the resource", "Ask its owner to let you through."),
    "VPC endpoint policy": (
        "The policy of the VPC endpoint that your calls go through",
        "Ask whoever runs that endpoint, or reach AWS by another way.",
    ),
    "role trust policy": ("The trust policy of the role", "Ask its owner to trust you."),
    "identity-based policy": (
        "A policy of your user or role",
        "It has to be taken out there; another policy that allows it does not help.",
    ),
}
_CODES = re.compile(r"^Client\.")

_ROOM = "Delete those that nobody needs; vpcshark cleanup removes those of dead captures."
_SIGN_IN = "Run: aws sso login{option}"
_OTHER_TYPE = "Choose another with --host-type, or a standing capture host with --host."
_OTHER_HOST = "Choose another capture host with --host, or stop a capture that uses this one."
_AGAIN = "Try again in a minute."
_LIST_ENIS = "See what there is with: vpcshark interfaces{option}. Is it the right region?"

# Quotas of Traffic Mirroring, none of them adjustable
# (https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-quotas.html), then what EC2, SSM, EC2 Instance
# Connect and STS answer: code -> (what is wrong, what to do). Patterns, tried in order.
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("TrafficMirrorSessionsPerInterfaceLimitExceeded",
     "The network interface has three mirror sessions already, which is all that AWS allows.",
     "Delete one of them, or let vpcshark cleanup remove those of dead captures."),
    ("TrafficMirrorSessionsPerTargetLimitExceeded",
     "The capture host's network interface receives as many mirror sessions as AWS allows.", _OTHER_HOST),
    ("TrafficMirrorSourcesPerTargetLimitExceeded",
     "The capture host's network interface receives from as many sources as AWS allows (10, or 100 on the largest "
     "instance sizes).", _OTHER_HOST),
    ("TrafficMirrorFilterRuleLimitExceeded", "A mirror filter takes ten rules, and there are more.",
     "Use a shorter capture filter."),
    ("TrafficMirrorFilterLimitExceeded", "The account has as many mirror filters as AWS allows.", _ROOM),
    ("TrafficMirrorSessionLimitExceeded", "The account has as many mirror sessions as AWS allows.", _ROOM),
    ("TrafficMirrorTargetLimitExceeded", "The account has as many mirror targets as AWS allows.", _ROOM),
    ("InterfaceInUseByTrafficMirrorTarget|NlbInUseByTrafficMirrorTargetException",
     "It is a mirror target already, so it can be neither another one nor a source: {text}",
     "Name the mirror target (tmt-…) with --host, or another capture host."),
    ("InterfaceInUseByTrafficMirrorSession",
     "The capture host's interface is mirrored itself, so it cannot be a mirror target: {text}",
     "Choose another capture host with --host."),
    ("NetworkInterfaceNotSupported", "AWS does not mirror this network interface: {text}",
     "See the mode with vpcshark preflight; --mode tcpdump needs no mirror."),
    ("NetworkLoadBalancerNotFoundException|InvalidNetworkLoadBalancerArn\\.\\w+", "It is not there: {text}",
     "Is it the right region and account?"),
    ("TrafficMirror\\w+InUse(Exception)?", "It is still in use, so AWS does not {doing}: {text}", _AGAIN),
    ("InvalidTrafficMirror\\w+No(t)?Found", "It is not there (any more), so AWS cannot {doing}: {text}",
     "Did somebody delete it? vpcshark ps shows what stands."),
    ("OptInRequired", "The AWS account is not enabled for this region or service.", "Choose another region."),
    ("PendingVerification", "AWS has not verified the account for this region yet, so it does not {doing}.",
     "Wait for AWS's mail, or choose another region."),
    ("Blocked|AccountProblem", "AWS has blocked the account, so it does not {doing}.", "Ask AWS Support why."),
    ("RegionDisabledException", "AWS STS is switched off for this region in the account.",
     "Have it switched on in IAM's account settings, or choose another region."),
    ("InsufficientInstanceCapacity|InsufficientHostCapacity", "AWS has no room for this instance type there: {text}",
     _OTHER_TYPE),
    ("InstanceLimitExceeded|VcpuLimitExceeded|MaxSpotInstanceCountExceeded",
     "The account runs as many instances of this kind as its quota allows: {text}",
     "Ask AWS for a higher quota (Service Quotas, EC2), or use a standing capture host with --host."),
    ("InsufficientFreeAddressesInSubnet|PrivateIpAddressLimitExceeded|NetworkInterfaceLimitExceeded",
     "The subnet or the account has no room for one more network interface: {text}",
     "Use a standing capture host with --host."),
    ("Unsupported", "AWS does not have this instance type there: {text}", _OTHER_TYPE),
    ("UnsupportedOperation|UnsupportedHibernationConfiguration|InvalidInterfaceType\\w*",
     "AWS cannot {doing} for what was named: {text}", "See the mode with vpcshark preflight."),
    ("InvalidAMIID\\.\\w+|InvalidAMIName\\.\\w+", "The machine image is not there for this account: {text}",
     "See the launch template's image."),
    ("InvalidLaunchTemplate\\w*\\.\\w+", "The launch template is not there: {text}", "See --host-template."),
    ("InvalidKeyPair\\.NotFound", "The key pair that the launch template names is not there: {text}",
     "Have the template name another, or none."),
    ("InvalidSubnetID\\.\\w+|InvalidVpcID\\.\\w+|InvalidGroup\\.NotFound|InvalidGroupId\\.\\w+",
     "What the capture host's network needs is not there: {text}", "Is it the right region and account?"),
    ("InvalidNetworkInterfaceI[dD]\\.\\w+", "There is no such network interface: {text}", _LIST_ENIS),
    ("InvalidInstanceI[dD]\\.\\w+|InvalidInstanceInformationFilterValue|InvalidInstanceId",
     "There is no such instance: {text}", _LIST_ENIS),
    ("IncorrectInstanceState|IncorrectState|EC2InstanceStateInvalidException",
     "The instance is not in a state for that: {text}", "Is it running?"),
    ("SecurityGroupLimitExceeded|ResourceLimitExceeded|VolumeLimitExceeded",
     "The account has as many of these as its quota allows: {text}", _ROOM),
    ("RulesPerSecurityGroupLimitExceeded", "The security group has as many rules as AWS allows.",
     "Remove one, or use another capture host with --host."),
    ("SecurityGroupsPerInterfaceLimitExceeded", "The network interface is in as many security groups as AWS allows.",
     "Take one from it, or use another capture host with --host."),
    ("InvalidPermission\\.Duplicate|InvalidGroup\\.Duplicate", "It is there already: {text}", _AGAIN),
    ("InvalidPermission\\.NotFound|InvalidSecurityGroupRuleId\\.NotFound", "The rule is not there any more: {text}",
     ""),
    ("DependencyViolation|InvalidNetworkInterface\\.InUse|InvalidGroup\\.InUse|ResourceInUse\\w*",
     "Something still uses it, so AWS does not {doing} yet: {text}", _AGAIN),
    ("TagLimitExceeded|TagPolicyViolation|TagPolicyException",
     "A tag of the capture does not fit what the account or its organization allows: {text}",
     "vpcshark needs its tags to clean up; have the tag policy allow vpcshark:*."),
    ("IdempotentParameterMismatch", "AWS has seen this request with other parameters: {text}",
     "Start the capture anew."),
    ("InvalidKMSKey\\.\\w+|KMS\\w+|Client\\.InvalidKMSKey\\.\\w+",
     "The key that encrypts the capture host's volume cannot be used: {text}", "See the account's default KMS key."),
    ("TargetNotConnected", "Session Manager does not reach the instance: {text}",
     "Does its SSM agent run, with a role and a way to Systems Manager?"),
    ("InvalidDocument\\w*", "Session Manager does not have the document for SSH's bytes: {text}",
     "It is AWS-StartSSHSession; does the account's administrator withhold it?"),
    ("EC2InstanceUnavailableException|EC2InstanceNotFoundException|EC2InstanceTypeInvalidException",
     "EC2 Instance Connect cannot reach the instance: {text}", "Is it running, and of a type that has it?"),
    ("SerialConsole\\w+", "The serial console cannot be used: {text}", ""),
    ("ParameterNotFound|ParameterVersionNotFound", "AWS does not publish that image in this region: {text}",
     "Name a launch template with --host-template."),
    ("LoadBalancerNotFound|TargetGroupNotFound|InvalidVpcEndpointI[dD]\\.\\w+|InvalidTransitGateway\\w+\\.NotFound",
     "It is not there: {text}", "Is it the right region and account?"),
    ("InvalidIdentityToken|IDPRejectedClaim|IDPCommunicationError",
     "AWS does not accept the web identity token{for_profile}: {text}",
     "Is it of the identity provider that the role trusts, and not too old?"),
    ("PackedPolicyTooLarge|MalformedPolicyDocument", "The session's policy does not fit: {text}",
     "See the profile's role and its tags."),
    ("InvalidAction|UnknownOperationException|InvalidVersion",
     "This endpoint does not know the call to {doing}: {text}", "Does the region have it? Check AWS_ENDPOINT_URL."),
    ("UnauthorizedException|ForbiddenException", "AWS SSO lets nobody in by this sign-in{for_profile}: {text}",
     _SIGN_IN),
    ("InvalidParameter\\w*|Validation\\w+|MissingParameter|MalformedQueryString|Invalid\\w+Malformed|InvalidID",
     "AWS does not take what it was asked, to {doing}: {text}", "Check the option that this is about."),
    ("[45]\\d\\d", "AWS, or something on the way to it, answered HTTP {code}, to {doing}.",
     "Check HTTPS_PROXY and AWS_ENDPOINT_URL, and try again."),
)  # fmt: skip
_PATTERNS = [(re.compile(code), problem, remedy) for code, problem, remedy in _TABLE]


def told(code: str, text: str, action: str, skew: float | None) -> tuple[str, str]:
    """(problem, remedy) as templates of ``doing``, ``text``, ``code`` and ``errors.profile_words``. ``text`` is AWS's
    message, ``action`` what IAM calls the call, ``skew`` how far this machine's clock is ahead of AWS's, if known."""
    if code in EXPIRED | BAD_KEYS and (untimely := _untimely(text, skew)):
        return untimely
    if code in DENIALS:
        return _denied(text, action)
    if code in EXPIRED:
        return "The AWS credentials{for_profile} have expired.", f"{_SIGN_IN}, or renew them."
    if code in BAD_KEYS:
        return (
            "AWS does not accept the credentials{for_profile}.",
            "Run: aws configure{option}, or aws sso login{option} if you sign in by SSO.",
        )
    if code in THROTTLES:
        return "AWS gets too many requests from this account to {doing}.", _AGAIN
    if code in FAULTS:
        return "AWS failed to {doing}, for a reason of its own: {text} ({code})", _AGAIN
    for pattern, problem, remedy in _PATTERNS:
        if pattern.fullmatch(_CODES.sub("", code)):
            return f"{problem} ({{code}})" if "{text}" in problem else problem, remedy
    return "AWS refused to {doing}: {text} ({code})", ""


def _untimely(text: str, skew: float | None) -> tuple[str, str] | None:
    """EC2 has the same codes for a clock that is off as for wrong or expired credentials; its answer's Date tells."""
    remedy = "Set it, best by NTP."
    if skew is not None and abs(skew) > SKEW:
        way = "ahead of" if skew > 0 else "behind"
        return f"AWS refuses the signature: this machine's clock is {abs(skew) / 60:.0f} minutes {way} AWS's.", remedy
    return (
        ("AWS refuses the signature for its time: this machine's clock is off.", remedy)
        if _UNTIMELY.search(text)
        else None
    )


def _denied(text: str, action: str) -> tuple[str, str]:
    """AWS names the missing action in newer messages (it may be ec2:CreateTags); else it is the call's own."""
    if _CODE_WRONG.search(text):
        return "AWS did not take the MFA code{for_profile}.", "Wait for the next one, and try again."
    named, on = DENIED_ACTION.search(text), DENIED_ON.search(text)
    what = _braced(named.group(1) if named else action) + (f" on {_braced(on.group(1).rstrip('.,'))}" if on else "")
    forbidden, missing = _FORBIDDEN.search(text), _NOT_ALLOWED.search(text)
    kind = (forbidden or missing or {1: ""})[1]
    if kind not in _POLICIES or (missing and kind == "identity-based policy"):
        return "You may not {doing}.", f"Ask for the IAM permission {what}."
    whose, remedy = _POLICIES[kind]
    by = f" ({_braced(forbidden[2].rstrip('.,'))})" if forbidden and forbidden[2] else ""
    verb = "forbids" if forbidden else "does not allow"
    return f"You may not {{doing}}: {whose[0].lower()}{whose[1:]}{by} {verb} {what}.", remedy


def _braced(words: str) -> str:
    """AWS's words in a template of ours."""
    return words.replace("{", "{{").replace("}", "}}")
