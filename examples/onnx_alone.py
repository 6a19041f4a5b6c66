"""An exported model without this library: onnxruntime, numpy and Pillow are enough.

python onnx_alone.py model.onnx photo.png 60 80 190 240      # the face's box: x0 y0 x1 y1
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, photo, *box = sys.argv[1:]
session = onnxruntime.InferenceSession(model)
card = json.loads(session.get_modelmeta().custom_metadata_map["landmark_lightning"])
x0, y0, x1, y1 = map(float, box)
center, size = np.array([x0 + x1, y0 + y1]) / 2, max(x1 - x0, y1 - y0) * card["scale"]
upright = ImageOps.exif_transpose(Image.open(photo)).convert("L")  # a photo of 8 bits
picture = ImageOps.expand(upright, pad := int(size) + 1)  # black outside
corner = center + pad + 0.5 - size / 2  # Pillow counts from the corner of the first pixel
image = picture.resize((card["side"],) * 2, Image.Resampling.BILINEAR, (*corner, *corner + size))
points, signal = session.run(None, {"image": np.asarray(image)[None, None]})
step, made, signal = size / card["side"], card["calibration"], np.maximum(signal[0], 0.1)
landmarks = (points[0] - (card["side"] - 1) / 2) * step + center
error = made["factor"] * signal * step
bound = made["quantile"]["true"] * np.array(made["rates"]) * signal ** made["power"] * step
np.savetxt(sys.stdout, np.column_stack([landmarks, error, bound]), "%.3f")  # pixels of the photo
