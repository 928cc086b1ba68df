"""The ways to a command on this or another machine: its bytes in and out, and its exit status.

Must not know what the command is for. ``base`` is the contract; every way is held to it by one test.
"""
