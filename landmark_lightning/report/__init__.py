"""The comparison of runs: one page, tables and a picture.

``write`` all of it, ``page`` its contents, ``panels`` the figures, ``table`` what a table is,
``columns`` the general ones, ``trust`` what a run promises, ``stress`` covered and worse faces,
``paper`` the paper's, ``state`` of the grid, ``balancing`` whom LPBB drew; ``formats`` fills the
templates in ``templates/`` with them, and writes CSV.
"""
