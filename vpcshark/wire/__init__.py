"""Bytes in, bytes out: pcapng, VXLAN and Geneve, BPF, capture filters.

Pure, so that it can be fuzzed and proved alone: must not know sockets, files, the clock or AWS. ``blocks`` and
``vxlan`` are also sent to the capture host and therefore stay within Python 3.6 and the standard library.
"""
