"""What flow logs show of a walk: was the packet really at each hop? An answer of ``network`` in, findings out.

Must not know how a walk is made, nor how it is shown.
"""
