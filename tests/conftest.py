"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell ignores Ctrl-C on behalf of what it starts in the background, and programs inherit that. The tests that
# interrupt a program mean one that hears it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
