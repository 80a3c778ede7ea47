"""Our application beside Label Studio, the tool that a user would pick instead; see `__main__`."""
