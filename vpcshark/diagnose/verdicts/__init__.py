"""The verdicts, a module for each layer: a ``View`` in, findings out. None knows another."""
