"""What IAM must allow: features as data, policy documents, DryRun."""
