"""Prepared answers, read and written. Nothing may be imported here: the fast answers pay for it."""
