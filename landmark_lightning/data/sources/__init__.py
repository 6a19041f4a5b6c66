"""Sources: one module a dataset layout, each with ``read(root, scheme, ...)``."""
