"""Flow log records read from where AWS delivers them: CloudWatch Logs, S3, Athena; newest first, bounded.

Each reader says what it would cost before it begins, and a limit stops it. Must not know what records are wanted for.
"""
