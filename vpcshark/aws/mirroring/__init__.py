"""Traffic Mirroring: targets, filters, sessions, their rules and quotas."""
