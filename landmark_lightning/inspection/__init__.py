"""What landmark-inspect finds in a FaceFile.

``measures`` of each face, ``shapes`` and how far each is from the mean, ``problems`` in a sentence
each, ``plots`` their pictures, ``advice`` what to expect of a training and an experiment for it.
"""
