"""Writers of the datasets' official layouts: one module each, with ``write(album, ...)``."""
