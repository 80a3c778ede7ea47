"""What ``python -m similarity`` can do: one module a command."""
