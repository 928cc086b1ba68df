"""The types between a face (extcap, cli) and a capture. Imports nothing else of ``capture``."""
