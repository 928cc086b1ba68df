"""Faults of networks, planted for real between network namespaces and captured at two points, and sound traffic that
looks like one: what ``vpcshark diagnose`` is judged on. ``make.py`` makes the files and their LABELS.tsv.

A kind is a function that makes traffic (``kinds.py`` has the registry). Its label says only what the packets at a point
prove. Must not know the product.
"""
