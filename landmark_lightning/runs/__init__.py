"""What lies in a run's folder.

``folder`` the names of its files, ``state`` what became of it (with ``lock`` and ``processes``),
``search`` where runs lie, ``predictions`` and ``figures`` what was tested, ``by_face`` what each
face adds to that, ``results`` finished runs gathered, ``variants`` what sets them apart,
``studies`` what was searched, ``provenance`` how they came about, ``curves`` and ``history`` what
is plotted of tests and of trainings.
"""
