"""What AWS recorded of traffic: flow logs, CloudWatch metrics."""
