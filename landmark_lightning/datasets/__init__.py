"""From their authors' files to one checked FaceFile.

``face`` one annotated face (``face_list`` very many), ``sources`` what reads them,
``preparation`` what crops and writes them, ``facefile`` the file (``facefile_arrays`` its arrays
and their digests, ``stored_images`` its images, ``stored_rows`` its rows), ``photos`` decoding,
``validation`` who is held out, ``synthetic`` rendered faces, ``detectors`` packages that find
faces, ``boxes`` from a detector's box to the square of a training crop.
"""
