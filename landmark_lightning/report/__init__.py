"""The comparison of runs: one page, tables and a picture.

``write`` all of it, ``page``, ``panels`` and ``markup`` the page, ``table`` what a table is,
``columns`` the general ones, ``paper`` the paper's, ``state`` of the grid, ``balancing`` whom LPBB
drew, ``formats`` Markdown, LaTeX and CSV.
"""
