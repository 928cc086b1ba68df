"""Where a packet goes in AWS, and which rule decides: facts of VPCs in, a path out. No calls, no clock, no captures."""
