"""A trial on an AWS account: its own stack, vpcshark's commands run there, AWS's answers beside docs/truth.md, and
proof that all is gone. Must not know how a capture works: it runs commands and reads what they print."""
