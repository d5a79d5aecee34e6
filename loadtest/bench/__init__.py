"""The benchmark: this server beside others and beside the engine alone, on the same checkpoint, machine and texts."""
