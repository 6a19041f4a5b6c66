"""landmark-predict's photos and videos.

``names`` which are meant, ``pictures`` whatever holds one in gray, ``stream`` many of them through
a detector, ``keeping`` which landmarks are kept, ``tables`` the files that say what was found;
``video`` a video's frames and its annotated copy, ``tracking`` faces from frame to frame.
"""
