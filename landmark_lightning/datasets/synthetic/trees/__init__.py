"""Writers of official layouts, by ``write(album, faces, nested)`` of each layout's module.

It writes the tree of so many faces of an ``Album``, in the official proportion (None: as many as
``OFFICIAL`` says); ``nested`` asks for the other way in which unpacked copies look. It gives the
faces as a reader must read them, in the order of the annotations.
"""
