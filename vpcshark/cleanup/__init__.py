"""Nothing left behind: what a capture made is written down, leased and removed, whatever killed it.

ledger (on disk) -> janitor (a detached process) -> sweep (by tag). Must not know how frames travel.
"""
