"""What every layer may use: errors, clock, ids, JSON and logging."""
