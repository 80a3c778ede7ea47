"""What the OpenAPI schema says beyond what the views say themselves."""
