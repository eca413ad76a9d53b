"""The only modules that import an inference library; each is imported when it is first asked for."""
