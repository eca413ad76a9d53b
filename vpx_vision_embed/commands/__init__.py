"""What the command line alone does: it may use the whole of `visualbase`, the plugin only what both eras have."""
