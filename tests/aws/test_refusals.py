"""AWS's answer -> the sentence: sixty rows and more, each with the reason that AWS gave, none of them generic."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from botocore.exceptions import ClientError

from vpcshark.aws.errors import translate
from vpcshark.errors import AwsError

ME = "User: arn:aws:sts::123456789012:assumed-role/dev/me is not authorized to perform: "
ENI = "arn:aws:ec2:eu-central-1:123456789012:network-interface/eni-1"
CREATE = f"{ME}ec2:CreateTrafficMirrorSession on resource: {ENI}"
DOCUMENT = "arn:aws:ssm:eu-central-1::document/AWS-StartSSHSession"
START = f"{ME}ssm:StartSession on resource: {DOCUMENT}"
SCP = "arn:aws:organizations::210987654321:policy/o-1/service_control_policy/p-1"
ENDPOINT = "User is not authorized to perform: ec2:DescribeInstances because no VPC endpoint policy allows the action"
OLD = "You are not authorized to perform this operation."

# code, AWS's message, what the sentence must have
ROWS: list[tuple[str, str, tuple[str, ...]]] = [
    ("UnauthorizedOperation", OLD, ("IAM permission ec2:CreateIt.",)),
    ("UnauthorizedOperation", f"{OLD} {CREATE}. Encoded authorization failure message: xx", ("permission", ENI)),
    ("UnauthorizedOperation", f"{CREATE} because no identity-based policy allows it", ("Ask for the IAM", ENI)),
    ("UnauthorizedOperation", f"{CREATE} with an explicit deny in a service control policy", ("service control", ENI)),
    ("UnauthorizedOperation", f"{CREATE} with an explicit deny in a service control policy: {SCP}", (SCP, "forbids")),
    ("UnauthorizedOperation", f"{CREATE} because no service control policy allows it", ("does not allow", "organ")),
    ("UnauthorizedOperation", f"{CREATE} with an explicit deny in a resource control policy", ("resource control",)),
    ("UnauthorizedOperation", f"{CREATE} because no permissions boundary allows it", ("boundary", "does not allow")),
    ("UnauthorizedOperation", f"{CREATE} with an explicit deny in a permissions boundary", ("boundary", "forbids")),
    ("AccessDeniedException", f"{START} because no session policy allows it", ("policy of your session", DOCUMENT)),
    ("AccessDeniedException", f"{START} with an explicit deny in a session policy", ("session", "forbids", DOCUMENT)),
    ("AccessDeniedException", f"{START} with an explicit deny in a resource-based policy", ("policy of the resource",)),
    ("AccessDeniedException", f"{START} because no resource-based policy allows it", ("Ask its owner", DOCUMENT)),
    ("AccessDeniedException", f"{START} with an explicit deny in an identity-based policy", ("taken out", DOCUMENT)),
    ("AccessDeniedException", START, ("ssm:StartSession on", DOCUMENT)),
    ("AccessDenied", ENDPOINT, ("VPC endpoint",)),
    ("AccessDenied", f"{ME}sts:AssumeRole on resource: arn:aws:iam::1:role/x", ("sts:AssumeRole on arn:aws:iam::1",)),
    ("AccessDenied", f"{ME}sts:AssumeRole because no role trust policy allows it", ("trust policy of the role",)),
    ("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", ("MFA code", '"work"')),
    ("ExpiredToken", "The security token included in the request is expired", ("expired", '"work"', "sso login")),
    ("ExpiredTokenException", "Token expired", ("expired", '"work"')),
    ("RequestExpired", "Request has expired.", ("credentials", "expired")),
    ("SignatureDoesNotMatch", "Signature expired: 20240101T000000Z is now earlier than 2024", ("clock", "NTP")),
    ("SignatureDoesNotMatch", "Signature not yet current: 2034", ("clock", "NTP")),
    ("InvalidSignatureException", "Signature expired: 20240101T000000Z", ("clock", "NTP")),
    ("SignatureDoesNotMatch", "The request signature we calculated does not match", ("not accept", '"work"')),
    ("InvalidClientTokenId", "The security token included in the request is invalid.", ("not accept", "aws configure")),
    ("UnrecognizedClientException", "The security token is invalid.", ("not accept", '"work"')),
    ("AuthFailure", "AWS was not able to validate the provided access credentials", ("not accept",)),
    ("OptInRequired", "You are not subscribed", ("not enabled for this region",)),
    ("PendingVerification", "Your account is being verified", ("not verified",)),
    ("Blocked", "This account is currently blocked", ("blocked", "Support")),
    ("RegionDisabledException", "STS is not activated in this region", ("switched off", "IAM")),
    ("RequestLimitExceeded", "Request limit exceeded.", ("too many requests",)),
    ("ThrottlingException", "Rate exceeded", ("too many requests", "a minute")),
    ("TrafficMirrorSessionsPerInterfaceLimitExceeded", "m", ("three mirror sessions",)),
    ("TrafficMirrorFilterInUse", "tmf-1 is in use", ("still in use", "tmf-1")),
    ("InvalidTrafficMirrorTargetNoFound", "tmt-1 does not exist", ("not there", "tmt-1")),
    ("InsufficientInstanceCapacity", "No t4g.small in eu-central-1a", ("no room", "t4g.small", "--host-type")),
    ("VcpuLimitExceeded", "You have requested more vCPU capacity than 32", ("quota", "32", "--host")),
    ("InsufficientFreeAddressesInSubnet", "subnet-1 has no free addresses", ("no room", "subnet-1")),
    ("Unsupported", "Your requested instance type is not supported in eu-central-1c", ("eu-central-1c", "--host-type")),
    ("UnsupportedOperation", "eni-1 is of a type without mirroring", ("eni-1", "preflight")),
    ("InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist", ("image", "ami-1")),
    ("InvalidLaunchTemplateName.NotFoundException", "lt-1 does not exist", ("--host-template", "lt-1")),
    ("InvalidKeyPair.NotFound", "The key pair 'x' does not exist", ("key pair", "'x'")),
    ("InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist", ("subnet-1", "region")),
    ("InvalidGroup.NotFound", "The security group 'sg-1' does not exist", ("sg-1",)),
    ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID 'eni-1' does not exist", ("eni-1", "interfaces")),
    ("InvalidInstanceID.NotFound", "The instance ID 'i-1' does not exist", ("no such instance", "i-1")),
    ("IncorrectInstanceState", "The instance 'i-1' is not in a state", ("i-1", "running")),
    ("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached", ("quota", "cleanup")),
    ("RulesPerSecurityGroupLimitExceeded", "m", ("as many rules",)),
    ("InvalidPermission.Duplicate", "the specified rule already exists", ("there already",)),
    ("DependencyViolation", "resource sg-1 has a dependent object", ("still uses it", "sg-1")),
    ("TagPolicyViolation", "The tag policy does not allow vpcshark:capture", ("tag", "vpcshark:*")),
    ("IdempotentParameterMismatch", "token x", ("other parameters", "anew")),
    ("Client.InvalidKMSKey.InvalidState", "The KMS key is disabled", ("encrypts", "disabled")),
    ("TargetNotConnected", "i-1 is not connected.", ("SSM agent", "i-1")),
    ("InvalidDocument", "Document with name AWS-StartSSHSession does not exist.", ("document", "AWS-StartSSHSession")),
    ("EC2InstanceUnavailableException", "Instance is not available", ("Instance Connect",)),
    ("ParameterNotFound", "/aws/service/x", ("image", "--host-template")),
    ("TargetGroupNotFound", "One or more target groups not found", ("region and account",)),
    ("InvalidIdentityToken", "No OpenIDConnect provider found", ("web identity token", '"work"', "OpenIDConnect")),
    ("PackedPolicyTooLarge", "Packed size is 120%", ("120%",)),
    ("InvalidAction", "The action X is not valid for this web service.", ("does not know", "AWS_ENDPOINT_URL")),
    ("UnauthorizedException", "Session token not found or invalid", ("SSO", "aws sso login --profile work")),
    ("ValidationError", "DurationSeconds exceeds the MaxSessionDuration set for this role.", ("MaxSessionDuration",)),
    ("InvalidParameterValue", "Value (x) for parameter y is invalid.", ("parameter y",)),
    ("InternalError", "An internal error has occurred", ("reason of its own", "Try again")),
    ("ServiceUnavailable", "The service is unavailable", ("reason of its own",)),
    ("503", "Service Unavailable", ("HTTP 503", "HTTPS_PROXY")),
]


def sentence(code: str, message: str, seconds_off: float | None = None) -> AwsError:
    """What becomes of AWS's answer, whose clock is behind this one's by so much."""
    answer: dict = {"Error": {"Code": code, "Message": message}}
    if seconds_off is not None:
        date = datetime.now(timezone.utc) - timedelta(seconds=seconds_off)
        answer["ResponseMetadata"] = {"HTTPHeaders": {"date": format_datetime(date)}}
    error = translate(ClientError(answer, "CreateIt"), "create it", "ec2", "work")
    assert error is not None
    assert error.code == code
    return error


def test_there_are_sixty_rows():
    """At least, and each once."""
    assert len({row[:2] for row in ROWS}) == len(ROWS) >= 60


@pytest.mark.parametrize(("code", "message", "parts"), ROWS, ids=[f"{row[0]}-{n}" for n, row in enumerate(ROWS)])
def test_the_reason_that_aws_gives_reaches_the_user(code: str, message: str, parts: tuple[str, ...]):
    """With what to do."""
    error = sentence(code, message)
    for part in parts:
        assert part in str(error)
    assert not error.problem.startswith("AWS refused to")
    assert error.remedy
    assert len(str(error).encode()) < 900
    assert "  " not in str(error)


@pytest.mark.parametrize(
    "code", ["RequestExpired", "SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException"]
)
@pytest.mark.parametrize(("off", "words"), [(900, "15 minutes ahead of"), (-7200, "120 minutes behind")])
def test_a_clock_that_is_off_is_called_that(code: str, off: float, words: str):
    """EC2 uses the codes of wrong and expired credentials for it; its answer's Date tells."""
    assert words in sentence(code, "x", off).problem


@pytest.mark.parametrize("code", ["RequestExpired", "AuthFailure"])
def test_a_clock_that_is_right_is_not_blamed(code: str):
    """A minute of difference is none."""
    assert "clock" not in str(sentence(code, "x", 60))


@pytest.mark.parametrize("kind", ["service control policy", "permissions boundary", "session policy"])
def test_nobody_is_sent_for_a_permission_that_they_have(kind: str):
    """It would not help."""
    assert "Ask for the IAM permission" not in str(
        sentence("AccessDenied", f"{CREATE} with an explicit deny in a {kind}")
    )


def test_braces_in_what_aws_names_do_no_harm():
    """ARNs of policies may have variables in them."""
    assert "x/${aws:username}" in str(sentence("AccessDenied", f"{ME}a:B on resource: x/${{aws:username}}"))
