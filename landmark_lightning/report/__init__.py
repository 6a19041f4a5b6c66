"""The comparison of runs: one page, tables and a picture.

``write`` all of it, ``page`` its contents, ``panels`` the figures, ``table`` what a table is,
``columns`` the general ones, ``comparison`` what is better and whether that is real, ``mean_face``
what all must beat, ``training`` how they were trained, ``trust`` what a run promises, ``stress``
covered and worse faces, ``evaluations`` what was tested later, ``paper`` the paper's, ``state`` of
the grid, ``balancing`` whom LPBB drew, ``studies`` the best trials; ``formats`` fills
``templates/``, and writes CSV.
"""
