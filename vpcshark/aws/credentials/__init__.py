"""Signing in: boto3's chain of credential providers, and what goes wrong in it."""
