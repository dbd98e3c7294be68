"""Model inference: devices, memory, loading a causal model, batch budgets."""
