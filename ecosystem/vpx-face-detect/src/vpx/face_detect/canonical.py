"""Coordinates of the head-pose points in the canonical face model.

Figures from MediaPipe's face geometry module (canonical face model, Apache License 2.0, The MediaPipe Authors), as
carried by the npm package `@mediapipe/face_mesh` 0.4.1657299874: the 33 vertices of its Procrustes landmark basis, the
points that expressions move least. Centimetres; x to the image's right, y up, z towards the camera, for a face that
looks straight into it.
"""

from __future__ import annotations

import numpy as np

# mesh index: (x, y, z)
_VERTICES = {
    4: (0.0000, -0.4632, 7.5866),
    6: (0.0000, 2.4733, 5.7886),
    10: (0.0000, 8.2618, 4.4815),
    33: (-4.4459, 2.6640, 3.1734),
    54: (-6.2793, 6.6154, 1.4259),
    67: (-3.5240, 8.0060, 3.7292),
    117: (-5.2587, 0.9458, 2.9743),
    119: (-3.3007, 0.8616, 3.8728),
    121: (-1.8207, 1.4680, 4.2241),
    127: (-7.7431, 2.3650, -2.0052),
    129: (-1.7858, -0.9783, 4.8505),
    132: (-7.2709, -2.8909, -2.2525),
    133: (-1.8564, 2.5852, 3.7579),
    136: (-5.0853, -7.1786, 0.7147),
    143: (-6.4076, 2.2360, 1.5608),
    147: (-6.2349, -1.9444, 1.6635),
    198: (-1.2468, 0.2303, 5.6810),
    205: (-3.8329, -1.5373, 4.1377),
    263: (4.4459, 2.6640, 3.1734),
    284: (6.2793, 6.6154, 1.4259),
    297: (3.5240, 8.0060, 3.7292),
    346: (5.2587, 0.9458, 2.9743),
    348: (3.3007, 0.8616, 3.8728),
    350: (1.8207, 1.4680, 4.2241),
    356: (7.7431, 2.3650, -2.0052),
    358: (1.7858, -0.9783, 4.8505),
    361: (7.2709, -2.8909, -2.2525),
    362: (1.8564, 2.5852, 3.7579),
    365: (5.0853, -7.1786, 0.7147),
    372: (6.4076, 2.2360, 1.5608),
    376: (6.2349, -1.9444, 1.6635),
    420: (1.2468, 0.2303, 5.6810),
    425: (3.8329, -1.5373, 4.1377),
}

POSE_POINTS = np.array(list(_VERTICES), np.intp)
CANONICAL = np.array(list(_VERTICES.values()), np.float64)
