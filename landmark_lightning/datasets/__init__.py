"""From their authors' files to one checked FaceFile.

``face`` one annotated face, ``sources`` what reads them, ``preparation`` what crops and writes
them, ``facefile`` the file (its arrays in ``facefile_arrays``, ``digests`` and ``origin`` beside
it, ``stored_images`` its images), ``photos`` decoding, ``validation`` who is held out,
``synthetic`` rendered faces.
"""
