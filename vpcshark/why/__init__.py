"""One question, step by step: what each step's answer says of it, when it is proved, and what would decide it.

Must not know how a step is taken, nor how it is shown.
"""
