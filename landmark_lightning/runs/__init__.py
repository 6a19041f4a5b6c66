"""What lies in a run's folder.

``folder`` the names of its files, ``state`` what became of it (with ``lock`` and ``processes``),
``search`` where runs lie, ``predictions`` and ``figures`` what was tested, ``results`` finished
runs gathered, ``variants`` what sets them apart, ``curves`` what is plotted of them.
"""
