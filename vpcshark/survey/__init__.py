"""Answers of describe calls, from a folder or from AWS, made into the facts of ``vpcshark.network``. No captures."""
