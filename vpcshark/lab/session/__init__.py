"""Session Manager's data channel, as both of its ends speak it: messages, and the stream that they make. Must not know
who speaks it, nor over what."""
