"""The call with --capture: FIFO, source, errors."""
